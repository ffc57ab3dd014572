// What decisions saw is gathered, stored and found again, whatever is away and however much there is.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decode, type Body, type Message } from '@calbus/contracts/envelope';
import {
  inventoryDecisionFacts,
  inventoryExplained,
  queryExplain,
  type DecisionFacts,
} from '@calbus/contracts/explain-messages';
import { systemClock, type Clock } from '@calbus/runtime/clock';
import { createLog } from '@calbus/runtime/log';
import { eventually } from '@calbus/test-support/eventually';
import { memoryDecisions } from '@calbus/test-support/inventory/memory-decisions';
import { hw, createScenario } from '@calbus/test-support/inventory/scenario';
import { createDecisionLog } from '../projections/decision-log.ts';
import { explain } from './explain.ts';

const log = createLog('test', 'silent');
type Question = Body<typeof queryExplain>;

const asking =
  (store: ReturnType<typeof memoryDecisions>, clock: Clock = systemClock) =>
  async (q: Question): Promise<Body<typeof inventoryExplained>> => {
    const message: Message<typeof queryExplain> = {
      id: 'q',
      type: queryExplain.type,
      version: 1,
      correlationId: 'q',
      causationId: null,
      sentAt: 1,
      body: q,
    };
    return inventoryExplained.body.parse((await explain({ store, clock, log }, message)).body);
  };

/** Decisions of a license server with one CAL, for so many devices. */
const decisionsOf = (devices: number): DecisionFacts[] => {
  const s = createScenario();
  s.activate();
  s.install(1);
  for (let n = 1; n <= devices; n += 1) s.request({ device: n, requestId: `r${n}` });
  return s.decisions;
};

describe('what decisions saw', () => {
  test('is stored as one message, and found by request and by device, newest first', async () => {
    const store = memoryDecisions();
    const keeper = createDecisionLog(store, systemClock, log);
    const s = createScenario();
    s.activate();
    s.request({ requestId: 'r1' });
    s.request({ requestId: 'r1' });
    s.request({ requestId: 'r2' });
    s.request({ device: 2, requestId: 'r3' });
    s.decisions.forEach(keeper.append);
    await keeper.stop();
    assert.equal(store.messages(), 1);
    const ask = asking(store);
    const [one] = (await ask({ requestId: 'r1', limit: 1 })).explanations;
    assert.deepEqual(one?.facts, s.decisions[0]);
    assert.equal(one?.steps.find((t) => t.matched)?.row, 'D4');
    const ofDevice = await ask({ hardwareId: hw(1), limit: 5 });
    assert.deepEqual(
      ofDevice.explanations.map((e) => `${e.facts.asked.requestId} ${e.facts.row}`),
      ['r2 D8', 'r1 D4'],
    );
    assert.deepEqual(await ask({ requestId: 'none', limit: 1 }), { explanations: [] });
  });

  test('a user is found whatever the case', async () => {
    const store = memoryDecisions();
    const keeper = createDecisionLog(store, systemClock, log);
    const s = createScenario();
    s.request({ mode: 'per-user', user: 'corp\\ada', authenticatedBy: 'pam' });
    s.decisions.forEach(keeper.append);
    await keeper.stop();
    const { explanations } = await asking(store)({ userKey: 'CORP\\Ada', limit: 1 });
    assert.equal(explanations[0]?.facts.row, 'U9');
    assert.equal(explanations[0]?.refusal?.code, 'NOT_ACTIVATED');
    assert.match(explanations[0]?.refusal?.todo ?? '', /calbus activate/);
  });

  test('is kept while the store is away, and stored once', async () => {
    const store = memoryDecisions();
    store.setAway(true);
    const keeper = createDecisionLog(store, systemClock, log);
    decisionsOf(3).forEach(keeper.append);
    await systemClock.sleep(600);
    assert.equal(store.messages(), 0);
    await assert.rejects(asking(store)({ requestId: 'r1', limit: 1 }), /cannot be read/);
    store.setAway(false);
    await eventually('stored', async () => store.messages() > 0);
    assert.equal((await asking(store)({ requestId: 'r3', limit: 1 })).explanations.length, 1);
    assert.equal(keeper.dropped(), 0);
    await keeper.stop();
  });

  test('is dropped and counted beyond what fits into memory, and nothing waits for it', async () => {
    const store = memoryDecisions();
    store.setAway(true);
    const keeper = createDecisionLog(store, systemClock, log);
    const [facts] = decisionsOf(1);
    assert.ok(facts);
    for (let n = 0; n < 21_000; n += 1) keeper.append(facts);
    assert.ok(keeper.dropped() > 0 && keeper.dropped() < 8_000, String(keeper.dropped()));
    await systemClock.sleep(300);
    store.setAway(false);
    await keeper.stop();
    const all = await store.extent();
    assert.ok(all);
    let stored = 0;
    for await (const { bytes } of store.read(1, all.last)) {
      assert.ok(bytes.byteLength < 350_000, `${bytes.byteLength} bytes in one message`);
      const decoded = decode([inventoryDecisionFacts], bytes);
      stored += decoded.ok ? decoded.message.body.decisions.length : 0;
    }
    assert.equal(stored + keeper.dropped(), 21_000);
  });

  test('a search that takes long ends, says where to go on, and goes on there', async () => {
    const store = memoryDecisions();
    const decisions = decisionsOf(30_000);
    const keeper = createDecisionLog(store, systemClock, log);
    for (let from = 0; from < decisions.length; from += 10_000) {
      decisions.slice(from, from + 10_000).forEach(keeper.append);
      await eventually('stored', async () => (await store.extent())?.last === store.messages());
      await systemClock.sleep(300);
    }
    await keeper.stop();
    // Every look at the clock is a second later.
    let seconds = 0;
    const slow: Clock = { ...systemClock, monotonic: () => (seconds += 1) * 1_000 };
    const ask = asking(store, slow);
    const q = { requestId: 'r1', limit: 1 } as const;
    let answer = await ask(q);
    assert.equal(answer.explanations.length, 0);
    let times = 1;
    for (; answer.before !== undefined; times += 1) answer = await ask({ ...q, before: answer.before });
    assert.ok(times > 1);
    assert.equal(answer.explanations[0]?.facts.asked.requestId, 'r1');
  });
});
