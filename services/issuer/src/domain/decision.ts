// The decision that a terminal server is told, from what inventory answered.

import type { AllocationAnswer } from '@calbus/contracts/inventory-messages';
import type { Body } from '@calbus/contracts/envelope';
import type { LicenseFacts } from '@calbus/contracts/license';
import { refusals, retryOf, type RefusalCode } from '@calbus/contracts/refusals';
import type { DecisionOutcome, licenseDecision } from '@calbus/contracts/terminal-server-messages';

const refused = (code: RefusalCode): DecisionOutcome => ({
  kind: 'refused',
  code,
  says: `${refusals[code].says} ${refusals[code].todo}`,
  ...retryOf(code),
});

const outcomeOf = (answer: AllocationAnswer, sign: (facts: LicenseFacts) => string): DecisionOutcome => {
  const { outcome } = answer;
  switch (outcome.kind) {
    case 'license': {
      const { licenseId, kind, version, keyPackId, hardwareId, notAfter } = outcome.license;
      const license = sign(outcome.license);
      return {
        kind: 'license',
        license,
        licenseId,
        licenseKind: kind,
        version,
        keyPackId,
        hardwareId,
        notAfter,
      };
    }
    case 'per-user':
    case 'validated':
      return outcome;
    case 'refused':
      return refused(outcome.code);
  }
};

/** `sign` gives the license's compact JWS. */
export const decisionOf = (
  terminalServerId: string,
  answer: AllocationAnswer,
  sign: (facts: LicenseFacts) => string,
): Body<typeof licenseDecision> => ({
  requestId: answer.requestId,
  terminalServerId,
  row: answer.row,
  decidedAt: answer.decidedAt,
  position: answer.position,
  outcome: outcomeOf(answer, sign),
});
