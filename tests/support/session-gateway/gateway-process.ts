// The session gateway as a process of its own, of a license server whose time passes, with a wire to NATS that can be cut.

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
  /** What it is started with. */
  readonly environment: () => Record<string, string>;
  /** How it was decided on this device, last of all. */
  readonly lastDecision: (device: string) => string | undefined;
  /** How often something was logged so far. */
  readonly logCount: (msg: string) => number;
  readonly log: () => string;
  readonly cutNats: () => void;
  /** Resolves once it is connected to NATS again. */
  readonly restoreNats: () => Promise<void>;
  /** Killed and started again, at the license server's time, on what it kept. */
  readonly restart: () => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/** A license server, and what its clocks show. */
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
  const wire = await startFaultProxy({ host: hostname, port: Number(natsPort) });
  const [port = 0] = await freePorts(1);
  const earlier: string[] = [];
  const environment = (): Record<string, string> => ({
    CALBUS_NATS_URL: `nats://${wire.host}:${wire.port}`,
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
  const facts = (): LogLine[] =>
    [...earlier, ...service.lines()].flatMap((line) => {
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
      const last = facts().findLast((f) => f.device === device && f.row !== undefined);
      return last && (last.code === undefined ? last.row : `${last.row} ${last.code}`);
    },
    logCount: (msg) => facts().filter((f) => f.msg === msg).length,
    log: () => [...earlier, ...service.lines()].join('\n'),
    cutNats: wire.cut,
    restoreNats: async () => {
      const before = wire.forwarded('toClient');
      wire.restore();
      // NATS greets whoever connects.
      await eventually(
        'it is connected again',
        () => wire.connections() > 0 && wire.forwarded('toClient') > before,
        {
          withinMs: 30_000,
        },
      );
    },
    restart: async () => {
      earlier.push(...service.lines());
      await service.kill();
      service = await start();
    },
    [Symbol.asyncDispose]: async () => {
      await service.stop();
      await wire[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true, force: true });
    },
  };
};
