import { mkdirSync } from 'node:fs';
import { runService } from '@calbus/runtime/service';
import { createGatewaySecureContext } from './adapters/tls-certificate.ts';
import { listenForClients } from './adapters/client-listener.ts';
import { createLicensingContext, systemRandom } from './adapters/licensing-context.ts';
import { listenForLogOns } from './adapters/log-on-socket.ts';
import { createGatewayMetrics, registerGauges } from './adapters/metrics.ts';
import { createServerConnector } from './adapters/rdp-server.ts';
import { connectTerminalServer, createLicensing } from './adapters/terminal-server.ts';
import { clientTls, serverTls } from './adapters/tls.ts';
import { config } from './config.ts';
import { createLogOnTracker } from './handlers/log-on-tracker.ts';
import { openSession } from './handlers/session.ts';

await runService({
  name: 'session-gateway',
  config,
  start: async (c, { clock, log, metrics, onStop, readiness }) => {
    mkdirSync(c.dataDir, { recursive: true, mode: 0o700 });
    const certificate = { certificate: c.tlsCertificateFile, key: c.tlsKeyFile };
    const secureContext = await createGatewaySecureContext(certificate, c.dataDir, clock.now());
    const server = await connectTerminalServer(c, clock.now);
    onStop('the terminal server', server.close);
    // Not needed: without NATS the gateway admits clients by the rows at the terminal server.
    readiness.shows('nats', () => {
      const { link } = server.status();
      return link.kind === 'connected' ? undefined : 'NATS is not connected: check its address and the seed.';
    });
    const licensing = createLicensing(server, log);
    const logOns = createLogOnTracker(licensing);
    if (c.logOnSocket !== undefined)
      onStop('the log-on socket', await listenForLogOns(c.logOnSocket, logOns.report));
    const serverCertificate = c.rdpServerCertificateFile;
    const connectToServer = await createServerConnector({
      ...c.rdpServer,
      startTls: clientTls(serverCertificate),
      verifies: serverCertificate !== undefined,
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
