// Inventory is told to stop: it ends with 0, whatever has become of NATS and Redis by then.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { repositoryRoot } from '@calbus/local/repository';
import type { ManagedServer } from '@calbus/local/servers/managed-server';
import { startFaultProxy, type FaultProxy } from '@calbus/test-support/fault-proxy';
import { testBus, type TestBus } from '@calbus/test-support/nats-bus';
import { startService, type ServiceProcess } from '@calbus/test-support/service-process';
import { testRedis } from '@calbus/test-support/servers';

const dir = mkdtempSync(path.join(tmpdir(), 'calbus-stopping-'));
const rootFile = path.join(dir, 'root.pem');
writeFileSync(rootFile, 'no certificate is checked here');
after(() => rmSync(dir, { recursive: true, force: true }));

type Site = { readonly bus: TestBus; readonly redis: ManagedServer; readonly wire: FaultProxy };

const startInventory = ({ bus, redis, wire }: Site): Promise<ServiceProcess> =>
  startService({
    main: path.join(repositoryRoot, 'services/inventory/src/main.ts'),
    env: {
      CALBUS_NATS_URL: `nats://${wire.host}:${wire.port}`,
      CALBUS_NATS_SEED_FILE: bus.seedFile('inventory'),
      CALBUS_NATS_LEDGER_SEED_FILE: bus.seedFile('inventory-ledger'),
      CALBUS_REDIS_URL: redis.url,
      CALBUS_CLEARINGHOUSE_ROOT_FILE: rootFile,
      CALBUS_DATA_DIR: mkdtempSync(path.join(dir, 'data-')),
    },
    ready: /"msg":"leading"/,
    readyWithinMs: 60_000,
  });

/** At once: what it waits for was asked before. Some seconds later: much of what it does has failed by then. */
const LATER_MS = 4_000;

const strikes: readonly (readonly [string, (s: Site) => void | Promise<void>, number])[] = [
  ['all is well', () => {}, 0],
  ['NATS stands still', ({ bus }) => bus.server.pause(), 0],
  ['NATS has stood still for seconds', ({ bus }) => bus.server.pause(), LATER_MS],
  ['NATS is gone', ({ bus }) => bus.server.kill(), 0],
  ['NATS is slow', ({ wire }) => wire.delay(700), 0],
  ['nothing that is sent reaches NATS', ({ wire }) => wire.drop('toServer'), 0],
  ['nothing that NATS sends has arrived for seconds', ({ wire }) => wire.drop('toClient'), LATER_MS],
  ['Redis stands still', ({ redis }) => redis.pause(), 0],
];

for (const [what, strike, waits] of strikes)
  test(`${what}: told to stop, inventory ends with 0`, async () => {
    await using bus = await testBus([]);
    await using redis = await testRedis();
    await using wire = await startFaultProxy(bus.server);
    const inventory = await startInventory({ bus, redis, wire });
    try {
      await strike({ bus, redis, wire });
      await sleep(waits);
      assert.deepEqual(await inventory.stop(), { code: 0, signal: null }, inventory.stdout());
    } finally {
      await inventory.kill();
      bus.server.resume();
      redis.resume();
    }
  });
