// What follows from a command: records to append, and an answer. Pure: the state, the time and the dice are arguments.

import type { Allocation } from '@calbus/contracts/allocation-messages';
import { refuseRequest } from './admission.ts';
import { decideDevice } from './decide-per-device.ts';
import { decidePerUser } from './decide-per-user.ts';
import { decideReadmission, decideLogOn, decideStatus } from './decide-report.ts';
import { unrecorded, type DecisionContext, type Decision } from './decision.ts';
import { OUTCOME_RETENTION_MS } from '../state/limits.ts';
import type { State } from '../state/state.ts';

/** Decides one request of a terminal server. A request id whose outcome is remembered gets that outcome. */
export const decide = (state: State, q: Allocation, c: DecisionContext): Decision => {
  const earlier = state.outcomes.get(q.requestId);
  // The fold forgets only when a batch comes: on a quiet ledger an old outcome may still be there, and no longer true.
  if (earlier && earlier.decidedAt > c.now - OUTCOME_RETENTION_MS) {
    c.saw?.({ kind: 'repeat' });
    return { kind: 'known', answer: earlier, records: [] };
  }
  if (q.kind === 'validated') return decideLogOn(state, c, q);
  if (q.kind === 'relearn') return decideReadmission(state, c, q);
  if (q.kind === 'stands') return decideStatus(state, c, q);
  const refused = refuseRequest(state, q);
  if (refused) {
    c.saw?.({ kind: 'before' });
    return unrecorded(state, c, q.requestId, refused.row, { kind: 'refused', code: refused.code });
  }
  return q.mode === 'per-device' ? decideDevice(state, c, q) : decidePerUser(state, c, q);
};
