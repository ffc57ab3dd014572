// The rule by which every replica reads the ledger: which batches count, and how they change the state.

import type { Batch, LedgerRecord, RecordLike } from './records.ts';
import type { BatchPosition, LedgerState, StateMachine } from './state-machine.ts';

/** Why a batch is VOID at this head; undefined if it counts. */
export const voidReason = <R extends RecordLike>(
  { head }: LedgerState,
  { prevHash, generation, records, at }: Pick<Batch<R>, 'prevHash' | 'generation' | 'records' | 'at'>,
): string | undefined => {
  if (prevHash !== head.hash) return 'it does not follow the last valid batch';
  if (generation !== head.generation && records[0]?.kind !== 'generation-started')
    return 'it is of another generation';
  return at < head.time ? 'its time is before that of the batch it follows' : undefined;
};

const startGeneration = (
  state: LedgerState,
  { after, lost }: Extract<LedgerRecord, { kind: 'generation-started' }>,
  generation: string,
): void => {
  const { head } = state;
  const survived = { ...head.survived };
  for (const l of lost ?? []) survived[l.generation] ??= 0;
  if (after) survived[after.generation] = after.sequence;
  const over = [...(after ? [after.generation] : []), ...(lost ?? []).map((l) => l.generation)];
  state.head = {
    ...head,
    generation,
    settled: [...new Set([...head.settled, ...over])],
    survived,
    losses: head.losses + (lost ? 1 : 0),
  };
};

const isGenerationStart = (
  record: RecordLike,
): record is Extract<LedgerRecord, { kind: 'generation-started' }> => record.kind === 'generation-started';

/** Applies one record to the state, or to a draft of it. */
export const applyRecord = <State extends Draft, R extends RecordLike, Draft extends LedgerState>(
  machine: Pick<StateMachine<State, R, Draft>, 'apply'>,
  draft: Draft,
  record: R | LedgerRecord,
  position: BatchPosition,
): void => {
  if (isGenerationStart(record)) startGeneration(draft, record, position.generation);
  machine.apply(draft, record, position);
};

/** Applies a valid batch that is committed at `sequence` with this hash. */
export const applyBatch = <State extends Draft, R extends RecordLike, Draft extends LedgerState>(
  machine: Pick<StateMachine<State, R, Draft>, 'apply' | 'advanceTime'>,
  state: State,
  batch: Batch<R>,
  sequence: number,
  hash: string,
): void => {
  machine.advanceTime?.(state, batch.at);
  const { generation, at, term } = batch;
  for (const record of batch.records) applyRecord(machine, state, record, { generation, sequence, at, term });
  const records = state.head.records + batch.records.length;
  state.head = { ...state.head, sequence, hash, time: at, term, records };
};
