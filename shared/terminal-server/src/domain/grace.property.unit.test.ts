import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  clientSeen,
  daysLeft,
  graceDaysOf,
  graceOf,
  licenseSeen,
  timePassed,
  type StoredGrace,
} from './grace.ts';

const DAY = 86_400_000;
const T = 1_790_000_000_000;

describe('the grace period', () => {
  test('begins with the first client and ends after its days, to the millisecond', () => {
    assert.equal(graceOf(null, 120), null);
    assert.equal(daysLeft(null, 120), 0);
    const g = clientSeen(null, T);
    assert.deepEqual(graceOf(g, 120), { startedAt: T, endsAt: T + 120 * DAY, over: 'no' });
    assert.equal(daysLeft(g, 120), 120);
    const last = timePassed(g, T + 120 * DAY - 1);
    assert.equal(daysLeft(last, 120), 1);
    const over = timePassed(last, T + 120 * DAY);
    assert.equal(daysLeft(over, 120), 0);
    assert.equal(graceOf(over, 120)?.over, 'time');
  });

  test('does not change with a second client', () => {
    const g = clientSeen(clientSeen(null, T), T + 5 * DAY);
    assert.equal(g.startedAt, T);
    assert.equal(daysLeft(g, 120), 115);
  });

  test('ends with the first full license; a full license before any client prevents it', () => {
    const g = licenseSeen(clientSeen(null, T), T + DAY);
    assert.equal(graceOf(g, 120)?.over, 'license');
    assert.equal(daysLeft(g, 120), 0);
    assert.equal(daysLeft(clientSeen(licenseSeen(null, T), T + 1), 120), 0);
  });

  test('is at most 90 days for version 2000, and zero if the setting is zero', () => {
    assert.equal(graceDaysOf(120, '2000'), 90);
    assert.equal(graceDaysOf(30, '2000'), 30);
    assert.equal(graceDaysOf(120, '2003'), 120);
    assert.equal(daysLeft(clientSeen(null, T), 0), 0);
  });

  test('is not extended by a clock that is set back', () => {
    const step = fc.record({
      do: fc.constantFrom('client', 'client', 'time', 'license'),
      at: fc.integer({ min: -400, max: 400 }).map((days) => T + days * DAY),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let g: StoredGrace | null = null;
        let left = Infinity;
        for (const s of steps) {
          if (s.do === 'client') g = clientSeen(g, s.at);
          else if (s.do === 'license') g = licenseSeen(g, s.at);
          else g = g && timePassed(g, s.at);
          if (!g) continue;
          const now = daysLeft(g, 120);
          assert.ok(now <= left, 'it grew');
          left = now;
        }
      }),
    );
  });
});
