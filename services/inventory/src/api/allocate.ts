// inventory.allocate: an issuer's batch of requests. Each is decided by itself; all are answered together.

import {
  inventoryAllocate,
  inventoryAllocated,
  type Allocation,
  type AllocationAnswer,
} from '@calbus/contracts/allocation-messages';
import type { DecisionFacts } from '@calbus/contracts/explain-messages';
import type { Message } from '@calbus/contracts/envelope';
import type { LedgerPosition } from '@calbus/contracts/tokens';
import { answerWith, type Answer } from '@calbus/runtime/responder';
import { outcomeNotices, type Notice } from '../projections/notices.ts';
import { decide } from '../rules/decide.ts';
import type { DecisionContext, DecisionInputs } from '../rules/decision.ts';
import { decisionFactsOf, decisionInputsOf } from '../rules/decision-inputs.ts';
import type { State } from '../state/state.ts';
import type { GroupCommit, Move, Work } from '../handlers/group-commit.ts';
import type { RefusalCounter } from '../jobs/refusal-counter.ts';

const noteRepeat = (repeats: RefusalCounter, item: Allocation, { outcome }: AllocationAnswer): void => {
  if (item.kind !== 'license' || outcome.kind !== 'refused') return;
  const { terminalServerId, hardwareId, version, mode, userKey } = item;
  const who = mode === 'per-user' && userKey !== null ? { hardwareId, userKey } : { hardwareId };
  repeats.add({ terminalServerId, ...who, version, mode, code: outcome.code });
};

export type AllocateDeps = {
  readonly commit: GroupCommit;
  readonly refusalCounter: RefusalCounter;
  readonly notice: (notice: Notice) => void;
  /** Hears what each decision saw, once it is answered; never awaited. */
  readonly logDecision: (facts: DecisionFacts) => void;
};

const placeOf = ({ head }: State): LedgerPosition => ({
  generation: head.generation,
  sequence: head.sequence,
});

/** What the decision saw, taken now and kept once it is answered. A license that is learned again, and how a terminal server stands, are in the ledger. */
const keeping = (
  draft: State,
  c: DecisionContext,
  item: Allocation,
  saw: DecisionInputs,
  decided: AllocateDeps['logDecision'],
): ((answer: AllocationAnswer) => void) => {
  if (item.kind !== 'license' && item.kind !== 'validated') return () => {};
  const seen = decisionInputsOf(draft, c, item, saw);
  return (answer) => decided(decisionFactsOf(item, answer, seen));
};

const workOf =
  (item: Allocation, { refusalCounter, logDecision }: AllocateDeps): Work<AllocationAnswer> =>
  (draft, c) => {
    let saw: DecisionInputs = { kind: 'repeat' };
    const decision = decide(draft, item, { ...c, saw: (s) => (saw = s) });
    const keep = keeping(draft, c, item, saw, logDecision);
    const answerOf = (state: State, move: Move): AllocationAnswer => {
      if (decision.kind === 'known') {
        if (decision.repeats) noteRepeat(refusalCounter, item, decision.answer);
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
    if (item) outcomeNotices(item, answer).forEach(notice);
  }
  return answerWith(inventoryAllocated, { items });
};
