// A whole calbus to be measured: real servers, every append on disk before its ack, each service a process of its own; activated,
// with CALs installed, and a past of as many licenses as wanted.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connectOperator } from '@calbus/operator-client/client';
import { readSecret, type Profile } from '@calbus/operator-client/profile';
import { prepareDeployment, writeProfile, type Deployment } from '@calbus/local/deployment';
import { provisionNats } from '@calbus/local/startup';
import { repositoryRoot } from '@calbus/local/repository';
import { serviceEnvironment, type ServiceName } from '@calbus/local/services';
import { startNats } from '@calbus/local/servers/nats';
import { startRabbitmq } from '@calbus/local/servers/rabbitmq';
import { startRedis } from '@calbus/local/servers/redis';
import { startService, type ServiceProcess } from '@calbus/test-support/service-process';
import { streams } from '@calbus/contracts/streams';
import { buy } from '../../chaos/buy.ts';
import { connectToLedger, foldOf, readLedger } from '../../chaos/ledger.ts';
import { appendAll, chain, history } from '../sample-history.ts';
import { agreement, packs, terminalServers } from './agreement.ts';
import { recordsOfFamilies, type Sizes } from './families.ts';
import { bytesIn, residentBytes, untilItRests, type Process } from '../processes.ts';

export type Site = {
  readonly deployment: Deployment;
  readonly profile: Profile;
  /** Those that take part in a grant. */
  readonly processes: () => readonly Process[];
  /** So many issuers from now on. */
  readonly issuers: (count: number) => Promise<void>;
  /** Resolves when nothing is left to do of what was asked so far, such as a snapshot or facts to be stored. */
  readonly rested: () => Promise<void>;
  /** Stops inventory and starts it again, and waits until it rests; the seconds until it was ready. */
  readonly restartInventory: () => Promise<number>;
  /** Of the ledger on disk. */
  readonly ledgerBytes: () => number;
  /** What inventory holds in memory. */
  readonly inventoryBytes: () => number;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

export type SiteOptions = {
  /** Licenses that were issued before, beside those of the families. */
  readonly licenses: number;
  readonly families: Sizes;
  readonly say: (line: string) => void;
};

const READY_MS = 300_000;
const RECORDS_PER_BATCH = 64;
const PACKS_OF_THE_PAST = 10;

export const startSite = async (o: SiteOptions): Promise<Site> => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'calbus-bench-'));
  const undo: (() => Promise<unknown> | void)[] = [];
  const dispose = async (): Promise<void> => {
    for (const step of undo.toReversed()) await step();
    rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    o.say('Starting NATS, Redis and RabbitMQ …');
    const deployment = prepareDeployment(dataDir, terminalServers);
    const { nats: n, redis: r, rabbitmq: q } = deployment.configuration;
    const [nats, redis, rabbitmq] = await Promise.all([
      startNats({ dataDir: path.join(dataDir, 'nats'), ...n }),
      startRedis({ dataDir: path.join(dataDir, 'redis'), ...r }),
      startRabbitmq({ dataDir: path.join(dataDir, 'rabbitmq'), ...q }),
    ]);
    undo.push(nats.stop, redis.stop, rabbitmq.stop);
    const servers = { nats, redis, rabbitmq };
    await provisionNats(nats.url, deployment);
    const ledger = await connectToLedger([nats.url], readSecret(deployment.seedFile('inventory-ledger')));
    undo.push(() => ledger.close());

    const running = new Map<string, ServiceProcess>();
    const begin = async (service: ServiceName, name: string = service): Promise<void> => {
      const data = path.join(dataDir, name);
      mkdirSync(data, { recursive: true, mode: 0o700 });
      const started = await startService({
        main: path.join(repositoryRoot, 'services', service, 'src/main.ts'),
        env: serviceEnvironment(service, deployment, servers),
        ready: /"state":"ready"/,
        readyWithinMs: READY_MS,
      });
      running.set(name, started);
    };
    const end = async (name: string): Promise<void> => {
      await running.get(name)?.stop();
      running.delete(name);
    };
    undo.push(() => Promise.all([...running.keys()].map(end)));

    if (o.licenses > 0) {
      o.say(`Writing a past of ${o.licenses.toLocaleString('en')} licenses …`);
      const until = Date.now();
      const past = { licenses: o.licenses, recordsPerBatch: RECORDS_PER_BATCH, packs: PACKS_OF_THE_PAST };
      await appendAll(ledger, history({ ...past, until, activated: false }).batches);
    }
    o.say('Activating, and installing key packs …');
    await begin('clearinghouse');
    await Promise.all([begin('inventory'), begin('clearinghouse-liaison'), begin('issuer')]);
    const profile = writeProfile(deployment, servers);
    const operator = await connectOperator(profile);
    try {
      await buy(deployment, operator, agreement, packs);
    } finally {
      await operator.close();
    }
    await end('inventory');
    const before = foldOf(await readLedger(ledger));
    const records = (function* () {
      yield { at: before.time, record: { kind: 'leadership-taken', replica: 'the-past' } } as const;
      for (const record of recordsOfFamilies(before, o.families, Date.now()))
        yield { at: Date.now(), record };
    })();
    await appendAll(ledger, chain({ ...before, term: before.term + 1 }, records, RECORDS_PER_BATCH));
    await begin('inventory');
    const pidOf = (name: string): number => {
      const found = running.get(name);
      if (!found) throw new Error(`${name} does not run`);
      return found.pid;
    };
    await untilItRests(pidOf('inventory'));

    const issuerNames = (): string[] => [...running.keys()].filter((name) => name.startsWith('issuer'));
    return {
      deployment,
      profile,
      processes: () => [
        { name: 'nats-server', pid: nats.pid },
        { name: 'redis-server', pid: redis.pid },
        ...[...running]
          .filter(([name]) => name === 'inventory' || name.startsWith('issuer'))
          .map(([name, { pid }]) => ({ name, pid })),
      ],
      issuers: async (count) => {
        while (issuerNames().length > count) await end(issuerNames().at(-1) ?? '');
        while (issuerNames().length < count) await begin('issuer', `issuer-${issuerNames().length + 1}`);
      },
      rested: async () => {
        for (const pid of [pidOf('inventory'), nats.pid]) await untilItRests(pid);
      },
      restartInventory: async () => {
        await end('inventory');
        const began = performance.now();
        await begin('inventory');
        const seconds = (performance.now() - began) / 1_000;
        await untilItRests(pidOf('inventory'));
        return seconds;
      },
      ledgerBytes: () =>
        bytesIn(path.join(nats.dataDir, 'jetstream', 'jetstream', 'LEDGER', 'streams', streams.ledger.name)),
      inventoryBytes: () => residentBytes(pidOf('inventory')),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
};
