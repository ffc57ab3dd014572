// A license server for one row: NATS, Redis and the services of its site, against the vendor's site, with a clock that the test moves.
// The services are started again with a later offset, all three, as a deployment would be that has lived that long.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Redis } from 'ioredis';
import type { Purchase } from '@calbus/contracts/purchases';
import type { Body } from '@calbus/contracts/envelope';
import { inventorySettings } from '@calbus/contracts/inventory-command-messages';
import { inventoryStatus, queryStatus } from '@calbus/contracts/inventory-status-messages';
import type { SettingsChange } from '@calbus/contracts/settings';
import { subjects } from '@calbus/contracts/subjects';
import type { LicensingMode } from '@calbus/contracts/tokens';
import { productVersions, type ProductVersion } from '@calbus/contracts/versions';
import { activate, install } from '@calbus/operator-client/clearinghouse-commands';
import { verifyLedger } from '@calbus/operator-client/ledger/verification';
import { connectTerminalServer } from '@calbus/operator-client/terminal-server-connection';
import { describeCounts } from '@calbus/cli/commands/watch';
import { openLiveCounts, readLiveCounts } from '@calbus/operator-client/live-counts';
import { connectOperator, newId, type OperatorClient } from '@calbus/operator-client/client';
import { readSecret, type Profile } from '@calbus/operator-client/profile';
import { prepareDeployment, writeProfile, type Deployment } from '@calbus/local/deployment';
import { repositoryRoot } from '@calbus/local/repository';
import { startNats } from '@calbus/local/servers/nats';
import { startRedis } from '@calbus/local/servers/redis';
import { serviceEnvironment } from '@calbus/local/services';
import type { ServerUrls } from '@calbus/local/start-servers';
import type { TerminalServer } from '@calbus/terminal-server/client';
import { eventually } from '@calbus/test-support/eventually';
import { startService, type ServiceProcess } from '@calbus/test-support/service-process';
import { provision } from '../../../deploy/nats/provision.ts';
import { changeStopped } from '../ledger-on-disk.ts';
import { runMain, type CommandResult } from '../../support/command.ts';
import { purchaseOf, vendorSite, type VendorFacts } from './vendor-site.ts';

export const DAY = 86_400_000;
export const HOUR = 3_600_000;

/** Those with a clock on the license server's site. The Clearinghouse stays in the present. */
const moved = ['inventory', 'clearinghouse-liaison', 'issuer'] as const;

export type Cals = Pick<Purchase, 'version' | 'mode' | 'quantity'>;
type Status = Body<typeof inventoryStatus>;

export type RowSystem = {
  readonly operator: OperatorClient;
  readonly redis: Redis;
  readonly profile: Profile;
  /** What the services' clocks show. */
  readonly now: () => number;
  /** So many days pass. */
  readonly pass: (days: number) => Promise<void>;
  /** Time goes on until then: epoch milliseconds, not before now. */
  readonly passUntil: (instant: number) => Promise<void>;
  readonly activate: () => Promise<void>;
  /** Buys CALs of the Clearinghouse and installs their key packs, one after the other. */
  readonly install: (...cals: readonly Cals[]) => Promise<void>;
  readonly set: (changes: SettingsChange) => Promise<void>;
  /** The library of a terminal server of this version and mode; one for each. */
  readonly terminalServer: (version: ProductVersion, mode: LicensingMode) => Promise<TerminalServer>;
  /** Whoever leads says how it stands. */
  readonly status: () => Promise<Status>;
  /** The counts of all pools in words, once Redis has what the leader has. */
  readonly counts: () => Promise<string>;
  /** Waits until the counts are these: what is due is returned and dropped within seconds. */
  readonly countsBecome: (words: string) => Promise<void>;
  /** The events so far, each with what it is about. */
  readonly events: () => Promise<readonly string[]>;
  /** The ledger may use so many bytes from now on. */
  readonly limitLedger: (maxBytes: number) => Promise<void>;
  /** Changes the ledger on disk while NATS is stopped: copies it, puts a copy back. */
  readonly whileStopped: (change: (ledger: string) => void) => Promise<void>;
  /** Throws unless the ledger is sound, by the reading that shares nothing with inventory. */
  readonly verify: () => Promise<void>;
  /** Runs `calbus …`; its clock is not moved. */
  readonly calbus: (...args: string[]) => Promise<CommandResult>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

const modes = ['per-device', 'per-user'] as const;

/** The id of the terminal server of this version and mode. */
export const terminalServerId = (version: ProductVersion, mode: LicensingMode): string =>
  `${mode === 'per-device' ? 'ts' : 'user-ts'}-${version}`;

const terminalServers = Object.fromEntries(
  productVersions.flatMap((version) =>
    modes.map((mode) => [terminalServerId(version, mode), { mode, version }]),
  ),
);

/** Starts and stops the services, always all at once. */
const serviceRunner = (d: Deployment, urls: ServerUrls, account: string, vendor: VendorFacts) => {
  let running: ServiceProcess[] = [];
  const own: Partial<Record<(typeof moved)[number], Record<string, string>>> = {
    'clearinghouse-liaison': {
      CALBUS_RABBITMQ_USER: account,
      CALBUS_RABBITMQ_PASSWORD_FILE: vendor.passwordFile,
    },
  };
  const stop = async (): Promise<void> => {
    // Nothing is under way, and an issuer keeps nothing: in good order it would wait for the end of an empty pull.
    await Promise.all(running.map((s) => (s.name.includes('/issuer/') ? s.kill() : s.stop())));
    running = [];
  };
  const start = async (offset: number): Promise<void> => {
    await stop();
    const seconds = `${Math.round(offset / 1_000)}s`;
    const starting = moved.map((name) =>
      startService({
        main: path.join(repositoryRoot, 'services', name, 'src/main.ts'),
        env: {
          ...serviceEnvironment(name, d, urls),
          ...own[name],
          NODE_COMPILE_CACHE: vendor.compiledDir,
          ...(offset === 0 ? {} : { CALBUS_CLOCK_OFFSET: seconds }),
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

const contact = { firstName: 'Ann', lastName: 'Admin', company: 'Example Ltd', country: 'Sampleland' };

/** `account`: the license server's at the vendor, of which each file has its own. Nothing is activated and installed. */
export const startRowSystem = async (account: string): Promise<RowSystem> => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'calbus-row-'));
  const undo: (() => Promise<void>)[] = [];
  const dispose = async (): Promise<void> => {
    for (const step of undo.reverse()) await step();
    if (process.env['CALBUS_KEEP'] === '1') console.log(`Kept: ${dataDir}`);
    else rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    const vendor = await vendorSite();
    undo.push(() => vendor[Symbol.asyncDispose]());
    const { rootFile, rabbitmqUrl } = vendor.facts;
    const deployment: Deployment = { ...prepareDeployment(dataDir, terminalServers), rootFile };
    const { nats: n, redis: r } = deployment.configuration;
    const [nats, redisServer] = await Promise.all([
      startNats({ dataDir: path.join(dataDir, 'nats'), ...n }),
      startRedis({ dataDir: path.join(dataDir, 'redis'), ...r }),
    ]);
    undo.push(nats.stop, redisServer.stop);
    const provisioned = (ledgerMaxBytes?: number): Promise<void> =>
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
    await provisioned();
    const urls = { nats, redis: redisServer, rabbitmq: { url: rabbitmqUrl } };
    const services = serviceRunner(deployment, urls, account, vendor.facts);
    undo.push(services.stop);
    await services.start(0);
    const profile = writeProfile(deployment, urls);
    const operator = await connectOperator(profile);
    undo.push(operator.close);
    const redis = openLiveCounts(profile.redisUrl, profile.redisUser, readSecret(profile.redisPasswordFile));
    undo.push(async () => redis.disconnect());
    const connected = new Map<string, Promise<TerminalServer>>();
    undo.push(async () => {
      for (const ts of connected.values()) await (await ts).close();
    });

    const status = async (): Promise<Status> => {
      const query = subjects.inventory.query('operator', 'status');
      const found = await eventually(
        'a replica leads',
        async () => {
          const now = await operator.ask(query, queryStatus, {}, inventoryStatus).catch(() => undefined);
          return now?.role === 'leader' ? now : undefined;
        },
        { withinMs: 20_000 },
      );
      if (!found) throw new Error('no replica leads');
      return found;
    };
    await status();
    let offset = 0;
    const now = (): number => Date.now() + offset;
    const passUntil = async (instant: number): Promise<void> => {
      if (instant < now()) throw new Error(`${new Date(instant).toISOString()} is past`);
      offset = instant - Date.now();
      await services.start(offset);
      await status();
    };
    const counts = async (): Promise<string> => {
      const { position } = await status();
      const live = await eventually('Redis has what the leader has', async () => {
        const found = await readLiveCounts(redis);
        return found.head && found.head.sequence >= position.sequence ? found : undefined;
      });
      return describeCounts(live ?? { head: null, pools: [] });
    };
    const calbus = (...args: string[]): Promise<CommandResult> =>
      runMain('services/cli/src/main.ts', args, { CALBUS_PROFILE: path.join(dataDir, 'operator.json') });
    return {
      operator,
      redis,
      profile,
      now,
      pass: (days) => passUntil(now() + days * DAY),
      passUntil,
      status,
      activate: async () => void (await activate(operator, contact, () => {})),
      install: async (...all) => {
        for (const cals of all) await install(operator, purchaseOf(cals), () => {});
      },
      set: async (changes) => {
        await operator.sendToLeader(inventorySettings, {
          commandId: newId(),
          changes,
          by: 'a test',
          why: 'a test',
        });
      },
      terminalServer: (version, mode) => {
        const id = terminalServerId(version, mode);
        const ts = connected.get(id) ?? connectTerminalServer(profile, id);
        connected.set(id, ts);
        return ts;
      },
      counts,
      countsBecome: async (words) => {
        await eventually(words, counts, { accept: (found) => found === words, withinMs: 20_000 });
      },
      events: async () => {
        const { stdout } = await calbus('events', '--json');
        return (JSON.parse(stdout) as { event: string; about: string }[]).map((e) => `${e.event} ${e.about}`);
      },
      limitLedger: provisioned,
      whileStopped: (change) => changeStopped(nats, () => provisioned(), change),
      verify: async () => {
        const found = await verifyLedger(operator, 1);
        const { sound, damage, violations, agreement } = found;
        if (!sound)
          throw new Error(`the ledger is not sound: ${JSON.stringify({ damage, violations, agreement })}`);
      },
      calbus,
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
};
