// Folding batches into the state: which count, which are VOID, and what is forgotten as ledger time goes on.

import type { LedgerBatch } from '@calbus/contracts/ledger';
import { evolve } from './evolve.ts';
import { HOUR, OUTCOME_MEMORY, OUTCOMES_AT_MOST, REFUSAL_COALESCING } from './settings.ts';
import { endingIn, type BaseState } from './state.ts';

/** Why a batch that decodes is VOID at this state, or undefined where it counts. Every reader applies the same rule. */
export const voidReason = (state: BaseState, batch: LedgerBatch): string | undefined => {
  if (batch.prevHash !== state.head.hash) return 'it does not follow the last valid batch';
  const starts = batch.records[0]?.kind === 'generation-started';
  if (batch.generation !== state.head.generation && !starts) return 'it is of another generation';
  if (batch.at < state.head.time) return 'its time is before that of the batch it follows';
  return undefined;
};

const forget = (state: BaseState, at: number): void => {
  for (const [id, answer] of state.outcomes) {
    if (answer.decidedAt > at - OUTCOME_MEMORY && state.outcomes.size <= OUTCOMES_AT_MOST) break;
    state.outcomes.delete(id);
  }
  for (const [key, refusal] of state.refusals) {
    if (refusal.at > at - REFUSAL_COALESCING) break;
    state.refusals.delete(key);
  }
  if (Math.floor(at / HOUR) === Math.floor(state.head.time / HOUR)) return;
  for (const [hour, ids] of state.ends) {
    const long = (Number(hour) + 48) * HOUR < at;
    if (long && ids.every((id) => !endingIn(state, hour, id))) state.ends.delete(hour);
  }
};

/** Applies a valid batch, committed at `sequence` with this hash. */
export const applyBatch = (state: BaseState, batch: LedgerBatch, sequence: number, hash: string): void => {
  forget(state, batch.at);
  const place = { generation: batch.generation, sequence, at: batch.at, term: batch.term };
  for (const record of batch.records) evolve(state, record, place);
  state.head = { ...state.head, sequence, hash, time: batch.at, term: batch.term };
};
