// The connection to a real NATS.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { subjects } from '@calbus/contracts/subjects';
import { testBus } from '@calbus/test-support/nats-bus';
import { eventually } from '@calbus/test-support/eventually';
import { openLink } from './link.ts';
import type { Sleep } from './sleep.ts';

const sleep: Sleep = (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined);

test('subjects that NATS refuses to this identity are counted as ignored, and the embedding process continues', async () => {
  await using bus = await testBus(['ts1', 'ts2']);
  const user = { decision: () => true, trust: () => {}, up: () => {}, gone: () => {} };
  const seed = bus.seed({ terminalServer: 'ts1' });
  const link = openLink({ servers: bus.url, seed, terminalServerId: 'ts2' }, user, sleep);
  try {
    await link.tried;
    // One for decisions, one for trust snapshots.
    await eventually('both refusals are counted', () => link.ignored() >= 2);
    assert.equal(link.state().kind, 'connected');
  } finally {
    await link.close();
  }
});

test('decisions arrive in order, and other messages on their subjects are counted as ignored', async () => {
  await using bus = await testBus(['ts1']);
  const taken: number[] = [];
  const decision = (bytes: Uint8Array): boolean => {
    const n = Number(new TextDecoder().decode(bytes));
    taken.push(n);
    return n % 2 === 0;
  };
  const user = { decision, trust: () => {}, up: () => {}, gone: () => {} };
  const seed = bus.seed({ terminalServer: 'ts1' });
  const link = openLink({ servers: bus.url, seed, terminalServerId: 'ts1' }, user, sleep);
  try {
    await link.tried;
    const issuer = await bus.connectAs('issuer');
    const all = Array.from({ length: 50 }, (_, n) => n);
    for (const n of all) issuer.publish(subjects.decision.of('ts1', `r${n}`), `${n}`);
    await eventually('all decisions have arrived', () => taken.length === all.length);
    assert.deepEqual(taken, all);
    assert.equal(link.ignored(), all.length / 2);
  } finally {
    await link.close();
  }
});
