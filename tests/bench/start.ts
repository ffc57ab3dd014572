// How long inventory takes to start on a long ledger, and what it costs to keep one: a real NATS with a ledger of so many
// licenses, and the real process, started once from the whole ledger (which has it write a snapshot) and then from
// the snapshot and the rest.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ManagedServer } from '@calbus/local/servers/managed-server';
import { repositoryRoot } from '@calbus/local/repository';
import { nodeOptionsOf } from '@calbus/local/services';
import { streams } from '@calbus/contracts/streams';
import { testBus, type TestBus } from '@calbus/test-support/nats-bus';
import { eventually } from '@calbus/test-support/eventually';
import { startService, type ServiceProcess } from '@calbus/test-support/service-process';
import { testRedis } from '@calbus/test-support/servers';
import { optionOf, type Benchmark, type Figure } from './benchmark.ts';
import { appendAll, history } from './sample-history.ts';
import { bytesIn, residentBytes } from './processes.ts';

const MB = 1e6;
const PACKS = 40;
const LONG_MS = 600_000;

const fill = async (bus: TestBus, licenses: number, recordsPerBatch: number): Promise<number> => {
  const { batches } = history({ licenses, recordsPerBatch, packs: PACKS, until: Date.now() });
  return appendAll(await bus.connectAs('inventory-ledger'), batches);
};

const streamBytes = (nats: ManagedServer, name: string): number =>
  bytesIn(path.join(nats.dataDir, 'jetstream', 'jetstream', 'LEDGER', 'streams', name));

type Said = { readonly msg?: string; readonly ms?: number; readonly sequence?: number };
const saidBy = (service: ServiceProcess, text: string): Said | undefined =>
  service
    .lines()
    .map((line) => JSON.parse(line) as Said)
    .find((said) => said.msg === text);

/** Starts inventory, and tells how long it took until it led, and what it holds in memory once the counts are in Redis. */
const startInventory = async (bus: TestBus, redis: ManagedServer, rootFile: string) => {
  const started = performance.now();
  const service = await startService({
    main: path.join(repositoryRoot, 'services/inventory/src/main.ts'),
    env: {
      CALBUS_NATS_URL: bus.url,
      CALBUS_NATS_SEED_FILE: bus.seedFile('inventory'),
      CALBUS_NATS_LEDGER_SEED_FILE: bus.seedFile('inventory-ledger'),
      CALBUS_REDIS_URL: redis.url,
      CALBUS_CLEARINGHOUSE_ROOT_FILE: rootFile,
      NODE_OPTIONS: nodeOptionsOf('inventory'),
    },
    ready: /"msg":"leading"/,
    readyWithinMs: LONG_MS,
  });
  const seconds = (performance.now() - started) / 1_000;
  const until = (text: string): Promise<unknown> =>
    eventually(text, () => saidBy(service, text), { withinMs: LONG_MS });
  await until('the live counts were written anew');
  return { service, seconds, until, memory: residentBytes(service.pid) };
};

const measure = async (
  licenses: number,
  recordsPerBatch: number,
  say: (line: string) => void,
): Promise<Figure[]> => {
  let syncAlways = false;
  await using bus = await testBus([], () => syncAlways);
  await using redis = await testRedis();
  const dir = mkdtempSync(path.join(tmpdir(), 'calbus-bench-'));
  try {
    const rootFile = path.join(dir, 'root.pem');
    writeFileSync(rootFile, 'no certificate is checked here');

    say(`Writing a ledger of ${licenses} licenses, without waiting for the disk …`);
    const messages = await fill(bus, licenses, recordsPerBatch);
    syncAlways = true;
    await bus.server.restart();
    const ledger = streamBytes(bus.server, streams.ledger.name);

    say(`Starting inventory on all ${messages} messages …`);
    const first = await startInventory(bus, redis, rootFile);
    say('Waiting for its snapshot …');
    await first.until('a snapshot was written');
    const written = saidBy(first.service, 'a snapshot was written');
    const busy = residentBytes(first.service.pid);
    await first.service.stop();
    const snapshot = streamBytes(bus.server, streams.snapshots.name);

    // Empty, so that the counts of every device are written anew once more.
    await redis.restart();
    say('Starting it on the snapshot and the rest …');
    const second = await startInventory(bus, redis, rootFile);
    const from = saidBy(second.service, 'starting from a snapshot');
    await second.service.stop();
    if (!from) throw new Error('It did not start from the snapshot.');
    return [
      { what: 'start from the snapshot, until it leads', value: second.seconds, unit: 's', below: 10 },
      { what: '  of which messages after the snapshot', value: messages - (from.sequence ?? 0), unit: '' },
      { what: 'start from the whole ledger', value: first.seconds, unit: 's' },
      {
        what: 'memory (RSS) after a start from the snapshot',
        value: second.memory / MB,
        unit: 'MB',
        below: 600,
      },
      {
        what: 'memory (RSS) after a start from the whole ledger',
        value: first.memory / MB,
        unit: 'MB',
        below: 600,
      },
      { what: 'memory (RSS) after writing a snapshot', value: busy / MB, unit: 'MB' },
      { what: 'the ledger on disk, for each license', value: ledger / licenses, unit: 'bytes', below: 400 },
      { what: 'snapshot on disk', value: snapshot / MB, unit: 'MB' },
      { what: 'snapshot written in, while leading', value: (written?.ms ?? Number.NaN) / 1_000, unit: 's' },
    ];
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
};

export const start: Benchmark = {
  name: 'start',
  about: 'a start of inventory on a long ledger: time, memory, disk',
  options: [
    { name: 'licenses', about: 'issued licenses in the ledger', byDefault: 1_000_000 },
    { name: 'records', about: 'records in one ledger message, at most', byDefault: 64 },
  ],
  run: async (options, say) => ({
    figures: await measure(optionOf(options, 'licenses'), optionOf(options, 'records'), say),
  }),
};
