import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fault, FaultError, type EmittedFaultCode } from '@calbus/contracts/faults';
import { createLog } from '@calbus/runtime/log';
import type { Alert } from '../projections/alerts.ts';
import { DAY_MS } from '@calbus/contracts/durations';
import { createScenario } from '@calbus/test-support/inventory/scenario';
import { scenarioCommit } from '@calbus/test-support/inventory/scenario-commit';
import { runExpiryJob } from './expiry-job.ts';

/** A license server with one full license, long past its end; `failing` says what a commit fails with. */
const ended = () => {
  const s = createScenario();
  s.activate();
  s.install(1);
  s.firstLogOn();
  s.request();
  s.now += 61 * DAY_MS;
  const told: Alert[] = [];
  const world = { failing: undefined as EmittedFaultCode | undefined, suspect: false };
  const commit = scenarioCommit(s, () => {
    if (world.failing) throw new FaultError(fault(world.failing));
  });
  const round = () =>
    runExpiryJob({
      commit,
      events: { setAlert: (c) => told.push(c) },
      clock: { now: () => s.now },
      log: createLog('test', 'silent'),
      clockIsSuspect: () => world.suspect,
    });
  const held = (): number => s.state.head.full;
  return { world, round, held, told };
};

describe('returning what is due', () => {
  test('a CAL returns, and nothing failed', async () => {
    const w = ended();
    await w.round();
    assert.equal(w.held(), 0);
    assert.deepEqual(
      w.told.map((c) => c.holds),
      [false],
    );
  });

  test('where it cannot be recorded an operator is told, and the next round tries again', async () => {
    const w = ended();
    w.world.failing = 'STORAGE_FULL';
    await w.round();
    await w.round();
    assert.equal(w.held(), 1);
    w.world.failing = undefined;
    await w.round();
    assert.equal(w.held(), 0);
    assert.deepEqual(
      w.told.map((c) => [c.event, c.holds]),
      [
        ['LICENSE_RETURN_FAILED', true],
        ['LICENSE_RETURN_FAILED', true],
        ['LICENSE_RETURN_FAILED', false],
      ],
    );
  });

  test('whoever has lost the lead stops, and tells nobody', async () => {
    const w = ended();
    w.world.failing = 'NOT_LEADER';
    await assert.rejects(w.round(), /NOT_LEADER/);
    assert.deepEqual(w.told, []);
  });

  test('with a clock that is suspect nothing returns, which is no failure', async () => {
    const w = ended();
    w.world.suspect = true;
    await w.round();
    assert.equal(w.held(), 1);
    assert.deepEqual(
      w.told.map((c) => c.holds),
      [false],
    );
  });
});
