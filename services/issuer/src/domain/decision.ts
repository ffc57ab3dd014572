// The decision for a terminal server, from the outcome that inventory recorded.

import type { Outcome } from '@calbus/contracts/allocation-messages';
import type { Body } from '@calbus/contracts/envelope';
import type { LicenseFacts } from '@calbus/contracts/license';
import { refusals, retryAdvice, type RefusalCode } from '@calbus/contracts/refusals';
import type { DecisionOutcome, licenseDecision } from '@calbus/contracts/terminal-server-messages';

const refused = (code: RefusalCode): DecisionOutcome => ({
  kind: 'refused',
  code,
  says: `${refusals[code].says} ${refusals[code].todo}`,
  ...retryAdvice(code),
});

const outcomeOf = (
  answer: Outcome,
  sign: (facts: LicenseFacts) => string | undefined,
): DecisionOutcome | undefined => {
  const { outcome } = answer;
  switch (outcome.kind) {
    case 'license': {
      const { licenseId, kind, version, keyPackId, hardwareId, notAfter } = outcome.license;
      const license = sign(outcome.license);
      if (license === undefined) return undefined;
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
    case 'noted':
      return outcome;
    case 'refused':
      return refused(outcome.code);
  }
};

/** `sign` gives the license's compact JWS, or undefined while no key may sign it; then there is no decision yet either. */
export const decisionOf = (
  terminalServerId: string,
  answer: Outcome,
  sign: (facts: LicenseFacts) => string | undefined,
): Body<typeof licenseDecision> | undefined => {
  const outcome = outcomeOf(answer, sign);
  const { requestId, row, decidedAt, position } = answer;
  return outcome && { requestId, terminalServerId, row, decidedAt, position, outcome };
};
