import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode } from '@calbus/contracts/envelope';
import { fault, faultOf, type Fault } from '@calbus/contracts/faults';
import { licenseDecision } from '@calbus/contracts/terminal-server-messages';
import { createRequestClient, type RequestClient } from './request-client.ts';

/** Virtual time: it advances only when no other work is left. */
const virtual = () => {
  let now = 0;
  const due: { at: number; act: () => void }[] = [];
  return {
    now: () => now,
    later: (ms: number, act: () => void): (() => void) => {
      const entry = { at: now + ms, act };
      due.push(entry);
      return () => {
        if (due.includes(entry)) due.splice(due.indexOf(entry), 1);
      };
    },
    run: async (until: number): Promise<void> => {
      for (;;) {
        await new Promise(setImmediate);
        const next = due.toSorted((a, b) => a.at - b.at)[0];
        if (!next || next.at > until) return;
        due.splice(due.indexOf(next), 1);
        now = next.at;
        next.act();
      }
    },
  };
};

const bytes = new TextEncoder().encode('a request');
const decided = (asking: RequestClient): boolean =>
  asking.receive(
    encode(
      licenseDecision,
      { id: 'm', sentAt: 1 },
      {
        requestId: 'r1',
        terminalServerId: 'ts1',
        row: 'D5',
        decidedAt: 1,
        position: { generation: 'g', sequence: 1 },
        outcome: { kind: 'validated', licenseId: 'l' },
      },
    ),
  );

/** Asks once; `says` is what the queue says at a time. */
const asked = (says: (at: number) => Fault | undefined) => {
  const time = virtual();
  const at: number[] = [];
  const enqueue = async (): Promise<Fault | undefined> => {
    at.push(time.now());
    return says(time.now());
  };
  const asking = createRequestClient(enqueue, time.later, 8_000);
  const answer = asking.ask({ subject: 's', requestId: 'r1', bytes: () => bytes }).then(
    (d) => d.outcome.kind,
    (error: unknown) => faultOf(error)?.code,
  );
  return { time, at, asking, answer };
};

test('an unreachable queue is retried until it accepts the request', async () => {
  const { time, at, asking, answer } = asked((t) => (t < 4_000 ? fault('UNREACHABLE') : undefined));
  await time.run(6_000);
  assert.deepEqual(at, [0, 800, 1_800, 2_500, 3_200, 3_900, 4_600]);
  assert.ok(decided(asking));
  assert.equal(await answer, 'validated');
  await time.run(20_000);
  assert.equal(at.length, 7, 'nothing is published after the answer');
});

test('a queue that stays unreachable is reported exactly at the deadline', async () => {
  const { time, at, answer } = asked(() => fault('UNREACHABLE'));
  await time.run(20_000);
  assert.equal(await answer, 'UNREACHABLE');
  assert.ok(Math.max(...at) < 8_000);
});

test('a full queue is BUSY after three attempts; a queue that accepted the request gets no extra copy', async () => {
  const full = asked(() => fault('BUSY'));
  await full.time.run(3_000);
  assert.equal(await full.answer, 'BUSY');
  assert.deepEqual(full.at, [0, 800, 1_800]);
  const silent = asked(() => undefined);
  await silent.time.run(20_000);
  assert.equal(await silent.answer, 'TIMEOUT');
  assert.deepEqual(silent.at, [0, 800, 1_800]);
});
