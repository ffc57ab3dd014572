// The ruling on an allocation: the records to append, the outcome, and the inputs that it was decided on.

import type { Allocation, Outcome, AllocationResult } from '@calbus/contracts/allocation-messages';
import type { RecordedInputs } from '@calbus/contracts/explain-messages';
import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { RefusalCode } from '@calbus/contracts/refusals';
import type { RowId } from '@calbus/contracts/rows';
import { REFUSAL_COALESCING_MS } from '../state/limits.ts';
import { outcomeAt, type BatchPosition, type RecordOf } from '../state/outcomes.ts';
import { refusalKey, type State } from '../state/state.ts';

/** Randomness, as an argument. */
export type Random = {
  /** A fresh id: one token. */
  readonly id: () => string;
  /** A whole number, uniform between the two, both included. */
  readonly between: (min: number, max: number) => number;
};

/** The batch that the records of a decision go into, and the rest that a decision depends on beside the state. */
export type DecisionContext = BatchPosition & {
  readonly random: Random;
  /** The ledger has used 90 % of its storage. */
  readonly storageNearlyFull: boolean;
};

export type LicenseAllocation = Extract<Allocation, { kind: 'license' }>;

export type Ruling = {
  readonly records: readonly LedgerRecord[];
  readonly outcome: Outcome;
  /** Null for a message that no operator asks an explanation of. */
  readonly trace: RecordedInputs | null;
  /** The outcome repeats a refusal that has its record within the hour. */
  readonly repeatsRefusal?: true;
};

type Request = { readonly requestId: string };

/** An outcome without a record of its own: it is true at the head of the state, or at the batch where that adds what it tells. */
export const unrecorded = (
  state: State,
  context: DecisionContext,
  { requestId }: Request,
  row: RowId,
  outcome: AllocationResult,
  trace: Ruling['trace'],
  records: readonly LedgerRecord[] = [],
): Ruling => {
  const { generation, sequence } = records.length > 0 && outcome.kind === 'license' ? context : state.head;
  const position = { generation, sequence, at: context.at };
  return { records, outcome: outcomeAt(position, { requestId, row }, outcome), trace };
};

/** A refusal without a record of its own. */
export const refused = (
  state: State,
  context: DecisionContext,
  request: Request,
  row: RowId,
  code: RefusalCode,
  trace: Ruling['trace'],
  records: readonly LedgerRecord[] = [],
): Ruling => unrecorded(state, context, request, row, { kind: 'refused', code }, trace, records);

/** A stock refusal is recorded once an hour per device (or user), version, mode and code; repeats refer to that record. */
export const refusedForStock = (
  state: State,
  context: DecisionContext,
  allocation: LicenseAllocation,
  row: RowId,
  code: RefusalCode,
  trace: Ruling['trace'],
  before: readonly LedgerRecord[] = [],
): Ruling => {
  const { requestId, terminalServerId, hardwareId, version, mode } = allocation;
  const userKey = mode === 'per-user' ? (allocation.userKey ?? undefined) : undefined;
  const outcome = { kind: 'refused', code } as const;
  const earlier = state.refusals.get(refusalKey({ hardwareId, userKey, version, mode, code }));
  if (earlier && context.at - earlier.at < REFUSAL_COALESCING_MS) {
    const at = { generation: state.head.generation, sequence: earlier.sequence, at: context.at };
    return {
      records: before,
      outcome: outcomeAt(at, { requestId, row }, outcome),
      trace,
      repeatsRefusal: true,
    };
  }
  const record: RecordOf<'refused'> = {
    kind: 'refused',
    requestId,
    terminalServerId,
    row,
    hardwareId,
    ...(userKey === undefined ? {} : { userKey }),
    version,
    mode,
    code,
  };
  return { records: [...before, record], outcome: outcomeAt(context, record, outcome), trace };
};
