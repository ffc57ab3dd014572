import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { mutations } from './mutations.ts';
import { runToy } from './run.ts';

const SEEDS = 300;
/** Each mutation is found within so many seeds. */
const FOUND_WITHIN = 150;
const MUST_REACH = [
  'reserved',
  'taken',
  'reserved before',
  'an append is refused',
  'an append is lost',
  'an acknowledgement is lost',
  'an append is stored late',
  'an append comes too late',
];

test('the invariants hold whatever is killed, cut, lost, repeated and reordered', async (t) => {
  const reached = new Set<string>();
  let answers = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const run = await runToy(seed);
    if (run.violations.length > 0)
      assert.fail([`seed ${seed}:`, ...run.events, ...run.violations].join('\n'));
    for (const situation of run.reached) reached.add(situation);
    answers += run.answers;
  }
  t.diagnostic(`${SEEDS} seeds, ${answers} answers`);
  assert.deepEqual(
    MUST_REACH.filter((situation) => !reached.has(situation)),
    [],
  );
});

test('a seed gives the same run again', async () => {
  for (const seed of [3, 17]) assert.deepEqual(await runToy(seed), await runToy(seed));
});

describe('each mutation is found', () => {
  for (const [name, mutation] of Object.entries(mutations))
    test(name, async (t) => {
      for (let seed = 1; seed <= FOUND_WITHIN; seed += 1) {
        const [violation] = (await runToy(seed, mutation)).violations;
        if (violation === undefined) continue;
        t.diagnostic(`found by seed ${seed}: ${violation}`);
        return;
      }
      assert.fail(`not found within ${FOUND_WITHIN} seeds`);
    });
});
