import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { runService } from '@calbus/runtime/service';
import { connect } from '@calbus/terminal-server/client';
import { fileStore } from '@calbus/terminal-server/file-store';
import { createSecureContextFor } from './adapters/tls-certificate.ts';
import { listenForClients } from './adapters/client-listener.ts';
import { createLicensingContext, systemRandom } from './adapters/licensing-context.ts';
import { listenForLogOns } from './adapters/log-on-socket.ts';
import { createGatewayMetrics, registerGauges } from './adapters/metrics.ts';
import { createServerConnector } from './adapters/rdp-server.ts';
import { createLicensing } from './adapters/terminal-server.ts';
import { clientTls, serverTls } from './adapters/tls.ts';
import { config } from './config.ts';
import { createLogOnTracker } from './handlers/log-on-tracker.ts';
import { openSession } from './handlers/session.ts';

/** Clients give up about nine seconds after they connected. */
const DECISION_TIMEOUT_MS = 3_500;

await runService({
  name: 'session-gateway',
  config,
  start: async (c, { clock, log, metrics, onStop, readiness }) => {
    mkdirSync(c.dataDir, { recursive: true, mode: 0o700 });
    const certificate = { certificate: c.tlsCertificateFile, key: c.tlsKeyFile };
    const secureContext = await createSecureContextFor(certificate, c.dataDir, clock.now());
    const server = await connect({
      servers: c.natsUrl,
      ...(c.natsCaFile === undefined ? {} : { ca: c.natsCaFile }),
      seed: c.natsSeedFile,
      terminalServerId: c.terminalServerId,
      mode: 'per-device',
      version: c.version,
      roots: [c.clearinghouseRootFile],
      store: fileStore(path.join(c.dataDir, 'terminal-server.json')),
      waitsMs: DECISION_TIMEOUT_MS,
      now: clock.now,
    });
    onStop('the terminal server', server.close);
    // Without NATS it goes on letting in whom it may.
    readiness.shows('nats', () => {
      const { link } = server.status();
      return link.kind === 'connected' ? undefined : 'NATS is not connected: check its address and the seed.';
    });
    const licensing = createLicensing(server, log);
    const logOns = createLogOnTracker(licensing);
    if (c.logOnSocket !== undefined)
      onStop('the log-on socket', await listenForLogOns(c.logOnSocket, logOns.report));
    const certificateBehind = c.rdpServerCertificateFile;
    const connectToServer = await createServerConnector({
      ...c.rdpServer,
      startTls: clientTls(certificateBehind),
      verifies: certificateBehind !== undefined,
    });
    const gatewayMetrics = createGatewayMetrics(metrics);
    const context = await createLicensingContext();
    const random = systemRandom;
    const session = { connectToServer, licensing, context, random, logOns, log, gatewayMetrics };
    const clients = await listenForClients({
      ...c.listen,
      limits: c,
      handshakeMs: c.handshakeTime,
      startTls: serverTls(secureContext),
      log,
      hungUp: gatewayMetrics.hungUp,
      open: (client, signal) => openSession(session, client, signal),
    });
    onStop('the clients', clients.close);
    registerGauges(metrics, clients);
    log.info({ port: clients.port, rdpServer: c.rdpServer }, 'clients may connect');
  },
});
