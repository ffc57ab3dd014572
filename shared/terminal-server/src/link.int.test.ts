// The connection on a real bus.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { subjects } from '@calbus/contracts/subjects';
import { testBus } from '@calbus/testkit/deployment';
import { eventually } from '@calbus/testkit/eventually';
import { openLink } from './link.ts';
import type { Sleep } from './sleep.ts';

const sleep: Sleep = (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined);

test('subjects that NATS refuses to this identity are counted as ignored, and whoever embeds the library goes on', async () => {
  await using bus = await testBus(['ts1', 'ts2']);
  const user = { decision: () => true, trust: () => {}, up: () => {}, gone: () => {} };
  const seed = bus.seed({ terminalServer: 'ts1' });
  const link = openLink({ servers: bus.url, seed, terminalServerId: 'ts2' }, user, sleep);
  try {
    await link.tried;
    // Its decisions, and its trust snapshots.
    await eventually('both refusals are counted', () => link.ignored() >= 2);
    assert.equal(link.state().kind, 'connected');
  } finally {
    await link.close();
  }
});

test('of decisions that come together each is taken, in the order in which they came, one in a turn of the event loop', async () => {
  await using bus = await testBus(['ts1']);
  const taken: { readonly n: number; readonly turn: number }[] = [];
  let turn = 0;
  let counting = true;
  const count = (): void => {
    turn += 1;
    if (counting) setImmediate(count);
  };
  const decision = (bytes: Uint8Array): boolean => {
    const n = Number(new TextDecoder().decode(bytes));
    taken.push({ n, turn });
    return n % 2 === 0;
  };
  const user = { decision, trust: () => {}, up: () => {}, gone: () => {} };
  const seed = bus.seed({ terminalServer: 'ts1' });
  const link = openLink({ servers: bus.url, seed, terminalServerId: 'ts1' }, user, sleep);
  try {
    await link.tried;
    const issuer = await bus.connectAs('issuer');
    const all = Array.from({ length: 50 }, (_, n) => n);
    count();
    for (const n of all) issuer.publish(subjects.decision.of('ts1', `r${n}`), `${n}`);
    await eventually('all decisions are taken', () => taken.length === all.length);
    assert.deepEqual(
      taken.map((t) => t.n),
      all,
    );
    assert.equal(new Set(taken.map((t) => t.turn)).size, all.length);
    assert.equal(link.ignored(), all.length / 2);
  } finally {
    counting = false;
    await link.close();
  }
});
