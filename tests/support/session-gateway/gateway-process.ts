// The session gateway as a process, with the clock of its license server, and a connection to NATS that a test can cut.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { terminalServerSeedFile, type Profile } from '@calbus/operator-client/profile';
import { freePorts } from '@calbus/local/ports';
import { repositoryRoot } from '@calbus/local/repository';
import { startFaultProxy } from '@calbus/test-support/fault-proxy';
import { eventually } from '@calbus/test-support/eventually';
import { startService, type ServiceProcess } from '@calbus/test-support/service-process';

type LogLine = {
  readonly msg: string;
  readonly row?: string;
  readonly device?: string;
  readonly code?: string;
};

export type GatewayProcess = {
  readonly port: number;
  /** The settings of its next start. */
  readonly environment: () => Record<string, string>;
  /** The row of the last decision on this device, with the code of a refusal. */
  readonly lastDecision: (device: string) => string | undefined;
  /** The number of log lines with this message. */
  readonly logCount: (msg: string) => number;
  readonly log: () => string;
  readonly cutNats: () => void;
  /** Resolves when the gateway is connected to NATS again. */
  readonly restoreNats: () => Promise<void>;
  /** Kills the gateway, and starts it with the same data and the license server's time. */
  readonly restart: () => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/** A license server, and the time of its clocks. */
export type LicenseServerSite = { readonly profile: Profile; readonly now: () => number };

export type GatewayProcessOptions = {
  readonly terminalServerId: string;
  readonly rdpPort: number;
  readonly logOnSocket: string;
  readonly env?: Readonly<Record<string, string>>;
};

export const startGateway = async (
  s: LicenseServerSite,
  o: GatewayProcessOptions,
): Promise<GatewayProcess> => {
  const dir = mkdtempSync(path.join(tmpdir(), 'calbus-gateway-'));
  const id = o.terminalServerId;
  const { hostname, port: natsPort } = new URL(s.profile.natsUrl);
  const proxy = await startFaultProxy({ host: hostname, port: Number(natsPort) });
  const [port = 0] = await freePorts(1);
  const earlierLines: string[] = [];
  const environment = (): Record<string, string> => ({
    CALBUS_NATS_URL: `nats://${proxy.host}:${proxy.port}`,
    CALBUS_NATS_SEED_FILE: terminalServerSeedFile(s.profile, id),
    CALBUS_CLEARINGHOUSE_ROOT_FILE: s.profile.clearinghouseRootFile,
    CALBUS_TERMINAL_SERVER_ID: id,
    CALBUS_VERSION: '2003',
    CALBUS_DATA_DIR: dir,
    CALBUS_LISTEN: `127.0.0.1:${port}`,
    CALBUS_RDP_SERVER: `127.0.0.1:${o.rdpPort}`,
    CALBUS_LOG_ON_SOCKET: o.logOnSocket,
    CALBUS_CLOCK_OFFSET: `${Math.round((s.now() - Date.now()) / 1_000)}s`,
    ...o.env,
  });
  const start = (): Promise<ServiceProcess> =>
    startService({
      main: path.join(repositoryRoot, 'services/session-gateway/src/main.ts'),
      env: environment(),
      ready: /"state":"ready"/,
      readyWithinMs: 60_000,
    });
  let service = await start();
  const logLines = (): LogLine[] =>
    [...earlierLines, ...service.lines()].flatMap((line) => {
      try {
        return [JSON.parse(line) as LogLine];
      } catch {
        return [];
      }
    });
  return {
    port,
    environment,
    lastDecision: (device) => {
      const last = logLines().findLast((f) => f.device === device && f.row !== undefined);
      return last && (last.code === undefined ? last.row : `${last.row} ${last.code}`);
    },
    logCount: (msg) => logLines().filter((f) => f.msg === msg).length,
    log: () => [...earlierLines, ...service.lines()].join('\n'),
    cutNats: proxy.cut,
    restoreNats: async () => {
      const before = proxy.forwarded('toClient');
      proxy.restore();
      // NATS sends INFO on each new connection.
      await eventually(
        'the gateway is connected to NATS',
        () => proxy.connections() > 0 && proxy.forwarded('toClient') > before,
        {
          withinMs: 30_000,
        },
      );
    },
    restart: async () => {
      earlierLines.push(...service.lines());
      await service.kill();
      service = await start();
    },
    [Symbol.asyncDispose]: async () => {
      await service.stop();
      await proxy[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true, force: true });
    },
  };
};
