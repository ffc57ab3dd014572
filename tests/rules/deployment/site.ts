// The site of a license server with real servers and services: NATS, Redis, inventory, liaison, issuer. Its clock is moved by a restart
// of the services with a later offset. It can be emptied, as after a loss of all disks.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { productVersions } from '@calbus/contracts/versions';
import { prepareDeployment, writeProfile, type Deployment } from '@calbus/local/deployment';
import { repositoryRoot } from '@calbus/local/repository';
import type { ManagedServer } from '@calbus/local/servers/managed-server';
import { startNats } from '@calbus/local/servers/nats';
import { startRedis } from '@calbus/local/servers/redis';
import { serviceEnvironment } from '@calbus/local/services';
import type { ServerUrls } from '@calbus/local/start-servers';
import { readSecret, type Profile } from '@calbus/operator-client/profile';
import { startService, type ServiceProcess } from '@calbus/test-support/service-process';
import { provision } from '../../../deploy/nats/provision.ts';
import { terminalServerId } from '../world.ts';
import { startVendor, type Vendor } from './vendor.ts';

/** The services of the license server. The Clearinghouse stays in the present. */
const services = ['inventory', 'clearinghouse-liaison', 'issuer'] as const;
const modes = ['per-device', 'per-user'] as const;

const terminalServers = Object.fromEntries(
  productVersions.flatMap((version) =>
    modes.map((mode) => [terminalServerId(version, mode), { mode, version }]),
  ),
);

/** Starts and stops the services, always all of them. */
const serviceRunner = (d: Deployment, urls: ServerUrls, vendor: Vendor) => {
  let running: ServiceProcess[] = [];
  const stop = async (): Promise<void> => {
    // An issuer holds no state. A graceful stop would wait for the end of an empty pull.
    await Promise.all(running.map((s) => (s.name.includes('/issuer/') ? s.kill() : s.stop())));
    running = [];
  };
  const start = async (account: string, offset: number): Promise<void> => {
    await stop();
    const starting = services.map((name) =>
      startService({
        main: path.join(repositoryRoot, 'services', name, 'src/main.ts'),
        env: {
          ...serviceEnvironment(name, d, urls),
          ...(name === 'clearinghouse-liaison'
            ? { CALBUS_RABBITMQ_USER: account, CALBUS_RABBITMQ_PASSWORD_FILE: vendor.passwordFile }
            : {}),
          NODE_COMPILE_CACHE: vendor.compileCacheDir,
          ...(offset === 0 ? {} : { CALBUS_CLOCK_OFFSET: `${Math.round(offset / 1_000)}s` }),
        },
        ready: /"state":"(started|ready)"/,
      }),
    );
    const outcomes = await Promise.allSettled(starting);
    running = outcomes.flatMap((o) => (o.status === 'fulfilled' ? [o.value] : []));
    for (const o of outcomes) if (o.status === 'rejected') throw o.reason;
  };
  return { start, stop };
};

export type Site = {
  readonly profile: Profile;
  readonly dataDir: string;
  readonly nats: ManagedServer;
  /** Starts the services again as this account at the vendor, with clocks that are ahead by `offset` milliseconds. */
  readonly start: (account: string, offset: number) => Promise<void>;
  readonly stop: () => Promise<void>;
  /** Removes all data of the servers and the services, which are stopped. The configuration stays. */
  readonly empty: () => Promise<void>;
  /** Creates the streams that are missing. The ledger may use this number of bytes. */
  readonly provision: (ledgerMaxBytes?: number) => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

const CONFIGURATION = /\.(conf|acl|log|pid)$/;

/** `accounts`: of license servers at the vendor. */
export const startSite = async (accounts: readonly string[]): Promise<Site> => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'calbus-rules-'));
  const undo: (() => Promise<void>)[] = [];
  const dispose = async (): Promise<void> => {
    for (const step of undo.reverse()) await step();
    if (process.env['CALBUS_KEEP'] === '1') console.log(`Kept: ${dataDir}`);
    else rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    const vendor = await startVendor(accounts);
    undo.push(vendor[Symbol.asyncDispose]);
    const deployment: Deployment = {
      ...prepareDeployment(dataDir, terminalServers),
      rootFile: vendor.rootFile,
    };
    const { nats: n, redis: r } = deployment.configuration;
    const [nats, redis] = await Promise.all([
      startNats({ dataDir: path.join(dataDir, 'nats'), ...n }),
      startRedis({ dataDir: path.join(dataDir, 'redis'), ...r }),
    ]);
    undo.push(nats.stop, redis.stop);
    const provisionSite = (ledgerMaxBytes?: number): Promise<void> =>
      provision({
        servers: [nats.url],
        seeds: {
          provisioner: readSecret(deployment.seedFile('provisioner')),
          'provisioner-ledger': readSecret(deployment.seedFile('provisioner-ledger')),
        },
        replicas: 1,
        say: () => {},
        ...(ledgerMaxBytes === undefined ? {} : { ledgerMaxBytes }),
      });
    await provisionSite();
    const urls = { nats, redis, rabbitmq: { url: vendor.rabbitmqUrl } };
    const runner = serviceRunner(deployment, urls, vendor);
    undo.push(runner.stop);
    return {
      profile: writeProfile(deployment, urls),
      dataDir,
      nats,
      ...runner,
      provision: provisionSite,
      empty: async () => {
        await runner.stop();
        await Promise.all([nats.stop(), redis.stop()]);
        for (const name of services) rmSync(path.join(dataDir, name), { recursive: true, force: true });
        for (const { dataDir: dir } of [nats, redis])
          for (const file of readdirSync(dir))
            if (!CONFIGURATION.test(file)) rmSync(path.join(dir, file), { recursive: true });
        await Promise.all([nats.restart(), redis.restart()]);
        await provisionSite();
      },
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
};
