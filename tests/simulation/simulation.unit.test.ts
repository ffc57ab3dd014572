import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { tellMany } from './many.ts';
import { mutations } from './mutations.ts';
import { tell } from './run.ts';

const SEEDS = 2_000;
/** Within so many stories each way of being wrong is found. */
const FOUND_WITHIN = 150;
/** What the stories must reach, or they say little: the rows, how appends go wrong, and how calls of a terminal server end. */
const rows = ['D2', 'D4', 'D5', 'D6', 'D7', 'D8', 'D9', 'D10', 'D11', 'D13', 'D16', 'N3', 'U1', 'U4'];
const reached = [
  ...rows,
  'R1',
  'a revocation is refused',
  'a revocation is not answered',
  'an append is refused',
  'an append is lost',
  'an acknowledgement is lost',
  'an append is stored late',
  'an append comes too late',
  'a request is delivered again',
  'a decision is heard',
  'TIMEOUT',
  'BUSY',
  'UNREACHABLE',
];

// A minute on two cores that have nothing else to do.
test(
  'whatever is killed, cut, lost, repeated and reordered, the invariants hold',
  { timeout: 600_000 },
  async (t) => {
    const from = Number(process.env['CALBUS_SEED'] ?? 1);
    const { bad, ...s } = await tellMany(from, SEEDS);
    t.diagnostic(
      `${SEEDS} seeds from ${from} in ${s.seconds.toFixed(0)} s: ${s.asked} requests, ${s.decided} decisions, ${s.batches} batches, ${s.terms} terms`,
    );
    const [first] = bad;
    if (first)
      assert.fail(
        [`seed ${first.seed}, one of ${bad.length}:`, ...first.story, ...first.violations].join('\n'),
      );
    t.diagnostic(
      `reached in so many: ${reached.map((what) => `${what} ${s.seen.get(what) ?? 0}`).join(', ')}`,
    );
    assert.deepEqual(
      reached.filter((what) => !s.seen.has(what)),
      [],
    );
  },
);

test('a seed tells the same story again', async () => {
  for (const seed of [3, 17, 58]) assert.deepEqual(await tell(seed), await tell(seed));
});

describe('what is wrong is found', () => {
  for (const [name, mutation] of Object.entries(mutations)) {
    test(name, async (t) => {
      for (let seed = 1; seed <= FOUND_WITHIN; seed += 1) {
        const [violation] = (await tell(seed, mutation)).violations;
        if (violation === undefined) continue;
        t.diagnostic(`found by seed ${seed}: ${violation.slice(0, 200)}`);
        return;
      }
      assert.fail(`not found within ${FOUND_WITHIN} seeds`);
    });
  }
});
