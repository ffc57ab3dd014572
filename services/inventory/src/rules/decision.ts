// What deciding a request comes to: a recorded outcome, or one that is true as the ledger stands.

import type { Allocation, AllocationAnswer, AllocationOutcome } from '@calbus/contracts/allocation-messages';
import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { RefusalCode } from '@calbus/contracts/refusals';
import type { RowId } from '@calbus/contracts/rows';
import { REFUSAL_COALESCING_MS } from '../state/limits.ts';
import type { Device, License } from '../state/tables/license.ts';
import { refusalKey, type Pack, type State } from '../state/state.ts';
import type { UserEntry } from '../state/tables/user-table.ts';

/** Chance, as an argument. */
export type Random = {
  /** A fresh id: one token. */
  readonly id: () => string;
  /** A whole number, uniform between the two, both included. */
  readonly between: (min: number, max: number) => number;
};

/** What a decision looked at, for whoever wants to explain it later. */
export type DecisionInputs =
  | { readonly kind: 'repeat' }
  | { readonly kind: 'before' }
  | {
      readonly kind: 'per-device';
      readonly device: Device | undefined;
      readonly loggedOn: boolean;
      readonly withinLead: boolean;
      readonly free: Pack | undefined;
    }
  | {
      readonly kind: 'per-user';
      readonly entries: readonly UserEntry[];
      readonly installed: number;
      readonly recorded: number;
      /** A CAL that serves this user is installed. */
      readonly served: boolean;
    }
  | { readonly kind: 'report'; readonly license: License | undefined };

export type DecisionContext = {
  /** Ledger time. */
  readonly now: number;
  /** Which sequence the records that are decided are expected to get. */
  readonly nextSequence: number;
  readonly random: Random;
  /** The ledger has used 90 % of its storage. */
  readonly storageNearlyFull: boolean;
  /** Called once with what the decision is made on. */
  readonly saw?: (saw: DecisionInputs) => void;
};

export type LicenseAllocation = Extract<Allocation, { kind: 'license' }>;

/** `recorded`: the answer is what the records, once committed, make the state remember; else it is `outcome`, true at the head. */
export type Decision =
  | { readonly kind: 'recorded'; readonly records: readonly LedgerRecord[] }
  | {
      readonly kind: 'known';
      readonly answer: AllocationAnswer;
      readonly records: readonly LedgerRecord[];
      /** The answer repeats a refusal that has its record. */
      readonly repeats?: true;
    };

export const unrecorded = (
  state: State,
  c: DecisionContext,
  requestId: string,
  row: RowId,
  outcome: AllocationOutcome,
  records: readonly LedgerRecord[] = [],
): Decision => ({
  kind: 'known',
  records,
  answer: {
    requestId,
    row,
    decidedAt: c.now,
    position: { generation: state.head.generation, sequence: state.head.sequence },
    outcome,
  },
});

/** A stock refusal is recorded once an hour per device (or user), version, mode and code; repeats refer to that record. */
export const refuseForStock = (
  state: State,
  c: DecisionContext,
  q: LicenseAllocation,
  row: RowId,
  code: RefusalCode,
  before: readonly LedgerRecord[],
): Decision => {
  const userKey = q.mode === 'per-user' ? (q.userKey ?? undefined) : undefined;
  const earlier = state.refusals.get(refusalKey({ ...q, userKey, code }));
  if (earlier && c.now - earlier.at < REFUSAL_COALESCING_MS) {
    return {
      kind: 'known',
      records: before,
      repeats: true,
      answer: {
        requestId: q.requestId,
        row,
        decidedAt: c.now,
        position: { generation: state.head.generation, sequence: earlier.sequence },
        outcome: { kind: 'refused', code },
      },
    };
  }
  const { requestId, terminalServerId, hardwareId, version, mode } = q;
  return {
    kind: 'recorded',
    records: [
      ...before,
      {
        kind: 'refused',
        requestId,
        terminalServerId,
        row,
        hardwareId,
        ...(userKey === undefined ? {} : { userKey }),
        version,
        mode,
        code,
      },
    ],
  };
};
