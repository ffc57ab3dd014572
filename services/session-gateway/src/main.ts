import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { runService } from '@calbus/runtime/service';
import { connect } from '@calbus/terminal-server/client';
import { fileStore } from '@calbus/terminal-server/file-store';
import { secureContextFor } from './adapters/certificate.ts';
import { listenForClients } from './adapters/clients.ts';
import { newLicensingKit, random } from './adapters/licensing-kit.ts';
import { listenForLogOns } from './adapters/log-on-socket.ts';
import { countGateway, showGateway } from './adapters/metrics.ts';
import { rdpServer } from './adapters/rdp-server.ts';
import { licensingBy } from './adapters/terminal-server.ts';
import { asClient, asServer } from './adapters/tls.ts';
import { config } from './config.ts';
import { createLogOns } from './handlers/log-ons.ts';
import { openSession } from './handlers/session.ts';

/** Clients give up about nine seconds after they connected. */
const DECIDES_MS = 3_500;

await runService({
  name: 'session-gateway',
  config,
  start: async (c, { clock, log, metrics, onStop, readiness }) => {
    mkdirSync(c.dataDir, { recursive: true, mode: 0o700 });
    const certificate = { certificate: c.tlsCertificateFile, key: c.tlsKeyFile };
    const secureContext = await secureContextFor(certificate, c.dataDir, clock.now());
    const server = await connect({
      servers: c.natsUrl,
      ...(c.natsCaFile === undefined ? {} : { ca: c.natsCaFile }),
      seed: c.natsSeedFile,
      terminalServerId: c.terminalServerId,
      mode: 'per-device',
      version: c.version,
      roots: [c.clearinghouseRootFile],
      store: fileStore(path.join(c.dataDir, 'terminal-server.json')),
      waitsMs: DECIDES_MS,
      now: clock.now,
    });
    onStop('the terminal server', server.close);
    // Without NATS it goes on letting in whom it may.
    readiness.shows('nats', () => {
      const { link } = server.status();
      return link.kind === 'connected' ? undefined : 'NATS is not connected: check its address and the seed.';
    });
    const licensing = licensingBy(server, log);
    const logOns = createLogOns(licensing);
    if (c.logOnSocket !== undefined)
      onStop('the log-on socket', await listenForLogOns(c.logOnSocket, logOns.reported));
    const certificateBehind = c.rdpServerCertificateFile;
    const reach = await rdpServer({
      ...c.rdpServer,
      startTls: asClient(certificateBehind),
      verifies: certificateBehind !== undefined,
    });
    const counts = countGateway(metrics);
    const session = { reach, licensing, kit: await newLicensingKit(), random, logOns, log, counts };
    const clients = await listenForClients({
      ...c.listen,
      limits: c,
      handshakeMs: c.handshakeTime,
      startTls: asServer(secureContext),
      log,
      hungUp: counts.hungUp,
      open: (client, signal) => openSession(session, client, signal),
    });
    onStop('the clients', clients.close);
    showGateway(metrics, clients);
    log.info({ port: clients.port, rdpServer: c.rdpServer }, 'clients may connect');
  },
});
