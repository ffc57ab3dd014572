// The decision on an allocation: records to append, and an outcome. Pure: the state, the time and the randomness are arguments.

import type { Allocation } from '@calbus/contracts/allocation-messages';
import { OUTCOME_RETENTION_MS } from '../state/limits.ts';
import type { State } from '../state/state.ts';
import { refuseRequest } from './admission.ts';
import { decidePerDevice } from './decide-per-device.ts';
import { decidePerUser } from './decide-per-user.ts';
import { decideLogOn, decideReadmission, decideStatus } from './decide-report.ts';
import { admissionInputs } from './decision-inputs.ts';
import { refused, type DecisionContext, type LicenseAllocation, type Ruling } from './ruling.ts';

const decideLicense = (state: State, request: LicenseAllocation, context: DecisionContext): Ruling => {
  const refusal = refuseRequest(state, request);
  if (refusal) {
    const trace = admissionInputs(state, context, request);
    return refused(state, context, request, refusal.row, refusal.code, trace);
  }
  return request.mode === 'per-device'
    ? decidePerDevice(state, request, context)
    : decidePerUser(state, request, context);
};

/** Decides one allocation. A request id whose outcome is remembered gets that outcome. */
export const decide = (state: State, allocation: Allocation, context: DecisionContext): Ruling => {
  const remembered = state.outcomes.get(allocation.requestId);
  // The state forgets outcomes only when a batch is applied: on a quiet ledger an outcome may be there that is too old to repeat.
  if (remembered && remembered.decidedAt > context.at - OUTCOME_RETENTION_MS)
    return { records: [], outcome: remembered, trace: { kind: 'repeat' } };
  switch (allocation.kind) {
    case 'license':
      return decideLicense(state, allocation, context);
    case 'validated':
      return decideLogOn(state, allocation, context);
    case 'relearn':
      return decideReadmission(state, allocation, context);
    case 'stands':
      return decideStatus(state, allocation, context);
  }
};
