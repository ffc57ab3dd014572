// `npm start -- --rdp host:port`: the session gateway in front of an RDP server, as terminal server ts1 of this deployment.

import path from 'node:path';
import type { StartupOptions } from './startup.ts';
import { freePorts, isFree, loopback } from './ports.ts';
import { startService } from './services.ts';

const TERMINAL_SERVER = 'ts1';
/** RDP's port with a leading 1. */
const USUAL_PORT = 13_389;
/** The path of a unix socket has a limit. */
const LONGEST_SOCKET = 100;

export const startGateway = async (
  rdpServer: string,
  o: Omit<StartupOptions, 'awaitRestore'>,
): Promise<void> => {
  const { deployment, servers, directory, lifetime, say } = o;
  const [other] = await freePorts(1);
  const port = (await isFree(USUAL_PORT)) ? USUAL_PORT : other;
  const socket = path.join(deployment.dataDir, 'session-gateway', 'log-on.sock');
  const reports = socket.length <= LONGEST_SOCKET;
  const service = await startService('session-gateway', {
    deployment,
    servers,
    pidFile: directory.pidFile,
    signal: lifetime.signal,
    env: {
      CALBUS_NATS_SEED_FILE: deployment.seedFile({ terminalServer: TERMINAL_SERVER }),
      CALBUS_TERMINAL_SERVER_ID: TERMINAL_SERVER,
      CALBUS_VERSION: deployment.terminalServers[TERMINAL_SERVER]?.version ?? '2003',
      CALBUS_LISTEN: `${loopback}:${port}`,
      CALBUS_RDP_SERVER: rdpServer,
      ...(reports ? { CALBUS_LOG_ON_SOCKET: socket } : {}),
    },
    say,
  });
  lifetime.onEnd(service.name, service.stop);
  say('');
  say(`The session gateway licenses RDP clients of ${rdpServer}  (log: ${service.logFile})`);
  say(`  xfreerdp /v:${loopback}:${port} /u:<user>`);
  if (reports) say(`  log-ons are reported at ${socket} (docs/rdp.md says how)`);
};
