// A contender that grants twice or loses a grant would be no comparison. The one on PostgreSQL is looked at by the benchmark
// itself, since tests do not install it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bareNats, durableAppend } from './bare-nats.ts';
import type { Contender } from './contender.ts';
import { kvCas } from './kv-cas.ts';

const ACTS = 200;
const IN_FLIGHT = 32;

const load = async ({ act }: Contender): Promise<void> => {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < ACTS) await act(next++);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
};

/** Throws where one of them is not running. */
const expectRunning = ({ processes }: Contender): void => {
  for (const { pid } of processes) process.kill(pid, 0);
};

test('bare NATS answers every request, from a process of its own', async () => {
  await using contender = await bareNats(new Uint8Array(500), 1_000);
  await load(contender);
  assert.deepEqual(
    contender.processes.map(({ name }) => name),
    ['nats-server', 'responder'],
  );
  expectRunning(contender);
});

test('the floor appends each payload once', async () => {
  await using contender = await durableAppend(new Uint8Array(500));
  await load(contender);
  assert.equal(await contender.appended(), ACTS);
  expectRunning(contender);
});

test('compare-and-set makes exactly as many licenses as it answered, and counts them', async () => {
  await using contender = await kvCas();
  await load(contender);
  assert.deepEqual(await contender.books(), { licenses: ACTS, counted: ACTS });
  assert.equal(await contender.discrepancy(), undefined);
  expectRunning(contender);
});
