import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_BATCH_BYTES } from '@calbus/contracts/ledger';
import { hw } from '@calbus/test-support/inventory/scenario';
import { createRefusalCounter } from './refusal-counter.ts';

const refusal = (n: number) => ({
  terminalServerId: 't'.repeat(64),
  hardwareId: hw(n),
  version: '2003' as const,
  mode: 'per-device' as const,
  code: 'NOTHING_INSTALLED_FOR_PRODUCT' as const,
});

test('repeats are counted by device, and handed over once', () => {
  const repeats = createRefusalCounter();
  for (const n of [1, 2, 1, 1]) repeats.add(refusal(n));
  const [record] = repeats.takeRecords();
  assert.ok(record?.kind === 'refusals-counted');
  assert.deepEqual(
    record.counts.map((c) => [c.hardwareId, c.times]),
    [
      [hw(1), 3],
      [hw(2), 1],
    ],
  );
  assert.deepEqual(repeats.takeRecords(), []);
});

test('a storm stays within bounds, in memory and in each record', () => {
  const repeats = createRefusalCounter();
  for (let n = 0; n < 50_000; n += 1) repeats.add(refusal(n));
  let counted = 0;
  for (let records = repeats.takeRecords(); records.length > 0; records = repeats.takeRecords()) {
    const [record] = records;
    assert.ok(record?.kind === 'refusals-counted');
    counted += record.counts.length;
    assert.ok(Buffer.byteLength(JSON.stringify(record)) < MAX_BATCH_BYTES - 1_024);
  }
  assert.equal(counted, 10_000);
});
