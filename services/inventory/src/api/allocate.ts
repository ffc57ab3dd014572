// inventory.allocate: a batch of requests from an issuer. Each is decided by itself; one answer holds the outcomes of all.

import {
  inventoryAllocate,
  inventoryAllocated,
  type Allocation,
  type Outcome,
} from '@calbus/contracts/allocation-messages';
import type { DecisionFacts } from '@calbus/contracts/explain-messages';
import type { Message } from '@calbus/contracts/envelope';
import type { LedgerPosition } from '@calbus/contracts/tokens';
import { answerWith, type Answer } from '@calbus/runtime/responder';
import { decisionFactsOf } from '../explain/decision-facts.ts';
import { stampPosition, type GroupCommit } from '../handlers/group-commit.ts';
import type { RefusalCounter } from '../jobs/refusal-counter.ts';
import { outcomeNotices, type Notice } from '../projections/notices.ts';
import { decide } from '../rules/decide.ts';
import type { Ruling } from '../rules/ruling.ts';

export type AllocateDeps = {
  readonly commit: GroupCommit;
  readonly refusalCounter: RefusalCounter;
  readonly notice: (notice: Notice) => void;
  /** Gets the facts of each decision once it is committed; never awaited. */
  readonly logDecision: (facts: DecisionFacts) => void;
};

/** The outcome with the position that its batch got, which its license may carry as well. */
const stamp = (decided: Outcome, committed: LedgerPosition): Outcome => {
  const { outcome } = decided;
  const position = stampPosition(decided.position, committed);
  if (outcome.kind !== 'license') return { ...decided, position };
  const license = { ...outcome.license, position: stampPosition(outcome.license.position, committed) };
  return { ...decided, position, outcome: { kind: 'license', license } };
};

const countRefusal = (counter: RefusalCounter, allocation: Allocation, { outcome }: Outcome): void => {
  if (allocation.kind !== 'license' || outcome.kind !== 'refused') return;
  const { terminalServerId, hardwareId, version, mode, userKey } = allocation;
  const who = mode === 'per-user' && userKey !== null ? { hardwareId, userKey } : { hardwareId };
  counter.add({ terminalServerId, ...who, version, mode, code: outcome.code });
};

/** Tells of a decision that is committed: the counter of refusals, the decision log, the operators. */
const report = (
  deps: AllocateDeps,
  allocation: Allocation,
  { trace, repeatsRefusal }: Ruling,
  outcome: Outcome,
) => {
  if (repeatsRefusal) countRefusal(deps.refusalCounter, allocation, outcome);
  if (trace && (allocation.kind === 'license' || allocation.kind === 'validated'))
    deps.logDecision(decisionFactsOf(allocation, outcome, trace));
  for (const notice of outcomeNotices(allocation, outcome)) deps.notice(notice);
};

export const allocate = async (
  deps: AllocateDeps,
  { body }: Message<typeof inventoryAllocate>,
): Promise<Answer> => {
  const allocateOne = async (allocation: Allocation): Promise<Outcome> => {
    const { result: ruling, position } = await deps.commit.submit((draft, context) => {
      const decided = decide(draft, allocation, context);
      return { records: decided.records, result: decided };
    });
    const outcome = stamp(ruling.outcome, position);
    report(deps, allocation, ruling, outcome);
    return outcome;
  };
  const items = await Promise.all(body.items.map(allocateOne));
  return answerWith(inventoryAllocated, { items });
};
