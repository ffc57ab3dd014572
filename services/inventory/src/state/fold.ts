// Folding batches into the state: which count, which are VOID, and what is forgotten as ledger time goes on.

import { changeRevoked, poolOf, setPool } from './pools.ts';
import type { LedgerBatch } from '@calbus/contracts/ledger';
import { evolve } from './evolve.ts';
import { hourOf } from './tables/license.ts';
import { OUTCOME_RETENTION_MS, MAX_OUTCOMES, REFUSAL_COALESCING_MS } from './limits.ts';
import { type BaseState } from './state.ts';
import { productVersions } from '@calbus/contracts/versions';

/** Bumped with each change of what a record does to the state: a snapshot of another version is not used. */
export const FOLD_VERSION = 3;

/** Why a batch that decodes is VOID at this state, or undefined where it counts. Every reader applies the same rule. */
export const voidReason = (state: BaseState, batch: LedgerBatch): string | undefined => {
  if (batch.prevHash !== state.head.hash) return 'it does not follow the last valid batch';
  const starts = batch.records[0]?.kind === 'generation-started';
  if (batch.generation !== state.head.generation && !starts) return 'it is of another generation';
  if (batch.at < state.head.time) return 'its time is before that of the batch it follows';
  return undefined;
};

const forget = (state: BaseState, at: number): void => {
  for (const id of state.outcomes.keys()) {
    const tooMany = state.outcomes.size > MAX_OUTCOMES;
    if (!tooMany && (state.outcomes.get(id)?.decidedAt ?? 0) > at - OUTCOME_RETENTION_MS) break;
    state.outcomes.delete(id);
  }
  for (const [key, refusal] of state.refusals) {
    if (refusal.at > at - REFUSAL_COALESCING_MS) break;
    state.refusals.delete(key);
  }
  if (hourOf(at) === hourOf(state.head.time)) return;
  expireTemporaries(state, at);
  forgetEndedEarly(state, at);
};

/** Temporary licenses whose hour is over leave the counts; nothing in the ledger says so, so time alone does it. */
const expireTemporaries = (state: BaseState, at: number): void => {
  for (const [key, n] of state.expiring) {
    if (Number.parseInt(key, 10) >= hourOf(at)) continue;
    state.expiring.delete(key);
    const version = productVersions.find((v) => key.endsWith(` ${v}`));
    if (version === undefined) continue;
    const pool = poolOf(state, version, 'per-device');
    setPool(state, { ...pool, temporary: pool.temporary - n });
    state.head = { ...state.head, temporary: state.head.temporary - n };
  }
};

/** Licenses that were ended early, once they would have ended by themselves: nobody has to be told of them any more. */
const forgetEndedEarly = (state: BaseState, at: number): void => {
  for (const [licenseId, { how, version, notAfter }] of state.endedEarly) {
    if (hourOf(notAfter) >= hourOf(at)) continue;
    state.endedEarly.delete(licenseId);
    if (how === 'revoked') changeRevoked(state, version, -1);
  }
};

/** Applies a valid batch, committed at `sequence` with this hash. */
export const applyBatch = (state: BaseState, batch: LedgerBatch, sequence: number, hash: string): void => {
  forget(state, batch.at);
  const position = { generation: batch.generation, sequence, at: batch.at };
  for (const record of batch.records) evolve(state, record, position);
  const records = state.head.records + batch.records.length;
  state.head = { ...state.head, sequence, hash, time: batch.at, term: batch.term, records };
};
