// Which faults strike, and in which order: each in turn and in pairs, as the seed has it.

import type { Dice } from './dice.ts';
import { allFaults, leaderFaults, type Fault } from './faults.ts';

/** One fault, or two at once. */
export type Strike = readonly [Fault] | readonly [Fault, Fault];

/**
 * A Redis that claims to be ahead of the ledger is evidence of a loss to whoever takes the lead just then: no replica leads until an
 * operator has accepted it. That is meant so, and no fault of this suite can answer for the operator.
 */
const needsOperator = (a: Fault, b: Fault): boolean =>
  a.kind === 'redis: from the future' && (b.on === 'leader' || b.on === 'nats');

const pairWith = (first: Fault, dice: Dice): Strike => {
  const others = allFaults.filter(
    (f) => f.on !== first.on && !needsOperator(f, first) && !needsOperator(first, f),
  );
  const second = dice.pick(others);
  return second ? [first, second] : [first];
};

/** Rounds without end: every fault once, the leader's twice more, every third of them with a second one. */
export function* rounds(dice: Dice): Generator<Strike> {
  for (let n = 0; ;) {
    for (const fault of dice.shuffled([...allFaults, ...leaderFaults, ...leaderFaults])) {
      n += 1;
      yield n % 3 === 0 ? pairWith(fault, dice) : [fault];
    }
  }
}

/** For a short run: the worst of each part once, in an order of the seed's, and one pair. */
export function* shortRound(dice: Dice): Generator<Strike> {
  const of = (kind: string): Fault[] => allFaults.filter((f) => f.kind === kind);
  const one = (on: Fault['on']): Fault[] => dice.shuffled(allFaults.filter((f) => f.on === on)).slice(0, 1);
  const chosen = [
    ...of('leader: kill -9'),
    ...of('leader: pause 2-4 s'),
    ...of('nats: kill -9'),
    ...dice.shuffled(leaderFaults.slice(2, 6)).slice(0, 1),
    ...one('issuer'),
    ...one('redis'),
  ];
  const order = dice.shuffled(chosen);
  for (const [i, fault] of order.entries()) yield i === order.length - 1 ? pairWith(fault, dice) : [fault];
  yield* rounds(dice);
}
