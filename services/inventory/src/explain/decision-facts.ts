// A decision as the decision log keeps it.

import type { DecisionFacts, RecordedInputs } from '@calbus/contracts/explain-messages';
import type { Outcome } from '@calbus/contracts/allocation-messages';

/** The allocations that an operator can ask an explanation of: a request for a license, and the report of a log-on. */
export type ExplainedAllocation = DecisionFacts['asked'];

const outcomeFacts = ({ outcome }: Outcome): DecisionFacts['outcome'] => {
  if (outcome.kind === 'noted') throw new Error('neither a license nor a log-on is merely noted');
  if (outcome.kind !== 'license') return outcome;
  const { licenseId, kind: licenseKind, version, keyPackId, notAfter } = outcome.license;
  return { kind: 'license', licenseId, licenseKind, version, keyPackId, notAfter };
};

export const decisionFactsOf = (
  asked: ExplainedAllocation,
  outcome: Outcome,
  inputs: RecordedInputs,
): DecisionFacts => ({
  asked,
  at: outcome.decidedAt,
  row: outcome.row,
  position: outcome.position,
  outcome: outcomeFacts(outcome),
  seen: inputs,
});
