// inventory.allocate: an issuer's batch of requests. Each is decided by itself; all are answered together.

import {
  inventoryAllocate,
  inventoryAllocated,
  type Allocation,
  type AllocationAnswer,
} from '@calbus/contracts/inventory-messages';
import type { DecisionFacts } from '@calbus/contracts/explain-messages';
import type { Message } from '@calbus/contracts/envelope';
import type { LedgerPosition } from '@calbus/contracts/tokens';
import { answerWith, type Answer } from '@calbus/runtime/responder';
import { answerNotices, type Notice } from '../domain/notices.ts';
import { decide } from '../domain/decide.ts';
import type { Circumstances, Saw } from '../domain/decision.ts';
import { factsOfDecision, seenBy } from '../domain/seen.ts';
import type { State } from '../domain/state.ts';
import type { GroupCommit, Move, Work } from './group-commit.ts';
import type { Repeats } from './repeats.ts';

const noteRepeat = (repeats: Repeats, item: Allocation, { outcome }: AllocationAnswer): void => {
  if (item.kind !== 'license' || outcome.kind !== 'refused') return;
  const { terminalServerId, hardwareId, version, mode, userKey } = item;
  const who = mode === 'per-user' && userKey !== null ? { hardwareId, userKey } : { hardwareId };
  repeats.count({ terminalServerId, ...who, version, mode, code: outcome.code });
};

export type AllocateDeps = {
  readonly commit: GroupCommit;
  readonly repeats: Repeats;
  readonly notice: (notice: Notice) => void;
  /** Hears what each decision saw, once it is answered; never awaited. */
  readonly decided: (facts: DecisionFacts) => void;
};

const placeOf = ({ head }: State): LedgerPosition => ({
  generation: head.generation,
  sequence: head.sequence,
});

/** What the decision saw, taken now and kept once it is answered. A license that is learned again, and how a terminal server stands, are in the ledger. */
const keeping = (
  draft: State,
  c: Circumstances,
  item: Allocation,
  saw: Saw,
  decided: AllocateDeps['decided'],
): ((answer: AllocationAnswer) => void) => {
  if (item.kind !== 'license' && item.kind !== 'validated') return () => {};
  const seen = seenBy(draft, c, item, saw);
  return (answer) => decided(factsOfDecision(item, answer, seen));
};

const workOf =
  (item: Allocation, { repeats, decided }: AllocateDeps): Work<AllocationAnswer> =>
  (draft, c) => {
    let saw: Saw = { kind: 'repeat' };
    const decision = decide(draft, item, { ...c, saw: (s) => (saw = s) });
    const keep = keeping(draft, c, item, saw, decided);
    const answerOf = (state: State, move: Move): AllocationAnswer => {
      if (decision.kind === 'known') {
        if (decision.repeats) noteRepeat(repeats, item, decision.answer);
        const answer = move(decision.answer);
        // A log-on said again within the request was recorded just now, and the answer is true only from there on.
        const later = decision.records.length > 0 && answer.outcome.kind === 'license';
        return later ? { ...answer, position: placeOf(state) } : answer;
      }
      const recorded = state.outcomes.get(item.requestId);
      if (!recorded) throw new Error('a recorded outcome is not in the state');
      return recorded;
    };
    return {
      records: decision.records,
      answer: (state, move) => {
        const answer = answerOf(state, move);
        keep(answer);
        return answer;
      },
    };
  };

export const allocate = async (
  deps: AllocateDeps,
  message: Message<typeof inventoryAllocate>,
): Promise<Answer> => {
  const { commit, notice } = deps;
  const asked = message.body.items;
  const items = await Promise.all(asked.map((item) => commit.submit(workOf(item, deps))));
  for (const [i, answer] of items.entries()) {
    const item = asked[i];
    if (item) answerNotices(item, answer).forEach(notice);
  }
  return answerWith(inventoryAllocated, { items });
};
