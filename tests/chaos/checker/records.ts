// What must be true of each record at the place where it stands. Called with the fold as it is before the record.

import type { LedgerBatch, LedgerRecord } from '@calbus/contracts/ledger';
import { anyFree, heldOf, isActivated, isLive, isOutcome, licensesOf, type Fold } from './fold.ts';
import type { Invariant } from './history.ts';

export const HOUR = 3_600_000;
export const OUTCOME_MEMORY = 600_000;

export type Say = (invariant: Invariant, detail: string) => void;

type Of<K extends LedgerRecord['kind']> = Extract<LedgerRecord, { kind: K }>;

const checkTemporary = (f: Fold, r: Of<'temporary-issued'>, say: Say): void => {
  const had = licensesOf(f, r.hardwareId).some((l) => l.kind === 'temporary' && l.version === r.version);
  if (had) say('I7', `a second temporary license of ${r.version} for ${r.hardwareId}`);
  if (f.licenses.has(r.licenseId)) say('I7', `license ${r.licenseId} is issued twice`);
};

const checkFull = (f: Fold, r: Of<'full-issued'>, at: number, say: Say): void => {
  const pack = f.packs.get(r.keyPackId);
  if (pack?.mode === 'per-user') say('I9', `a CAL was taken from the Per User pack ${r.keyPackId}`);
  else if (pack?.version !== r.version) say('I2', `no pack ${r.keyPackId} of ${r.version} is installed`);
  const held = heldOf(f, r.keyPackId);
  if (held >= (pack?.quantity ?? 0)) say('I2', `a CAL of pack ${r.keyPackId} was taken and none was free`);
  if (!isActivated(f, at)) say('I2', `full license ${r.licenseId} was issued while not activated`);
  if (f.licenses.has(r.licenseId)) say('I1', `license ${r.licenseId} is issued twice`);
  for (const id of r.supersedes) {
    const old = f.licenses.get(id);
    if (!old || old.over || old.hardwareId !== r.hardwareId)
      say('I1', `${r.licenseId} takes the place of ${id}, which that device does not hold`);
  }
  const left = licensesOf(f, r.hardwareId).filter(
    (l) => l.kind === 'full' && isLive(l, at) && !r.supersedes.includes(l.licenseId),
  );
  if (left.length > 0) say('I3', `${r.hardwareId} gets a full license beside ${left[0]?.licenseId}`);
};

const checkRefusal = (f: Fold, r: Of<'refused'>, at: number, say: Say): void => {
  switch (r.code) {
    case 'NO_LICENSE_AVAILABLE':
      if (anyFree(f, r.version)) say('I6', `${r.hardwareId} was refused ${r.version} with a CAL free`);
      return;
    case 'NOT_ACTIVATED':
      if (isActivated(f, at)) say('I6', `${r.hardwareId} was refused as not activated, but it is`);
      return;
    default:
  }
};

/** Every rule that one record can break by itself. */
export const checkRecord = (f: Fold, r: LedgerRecord, at: number, say: Say): void => {
  if (isOutcome(r)) {
    const before = f.recorded.get(r.requestId)?.at(-1);
    if (before && at - before.at < OUTCOME_MEMORY)
      say('I4', `request ${r.requestId} was decided twice within ten minutes (${before.sequence} before)`);
  }
  switch (r.kind) {
    case 'temporary-issued':
      return checkTemporary(f, r, say);
    case 'full-issued':
      return checkFull(f, r, at, say);
    case 'renewed': {
      const l = f.licenses.get(r.licenseId);
      if (l?.kind !== 'full' || !isLive(l, at)) say('I1', `${r.licenseId} was renewed and is not live`);
      if (!isActivated(f, at)) say('I2', `${r.licenseId} was renewed while not activated`);
      return;
    }
    case 'validated': {
      const l = f.licenses.get(r.licenseId);
      if (l?.kind !== 'temporary' || !isLive(l, at))
        say('I5', `${r.licenseId} was validated and is not live`);
      return;
    }
    case 'returned': {
      const l = f.licenses.get(r.licenseId);
      if (l?.kind !== 'full' || l.over) say('I1', `the CAL of ${r.licenseId} returned and was not held`);
      else if (l.notAfter + HOUR > at) say('I1', `the CAL of ${r.licenseId} returned before it was due`);
      return;
    }
    case 'refused':
      return checkRefusal(f, r, at, say);
    case 'user-recorded':
    case 'user-extended':
      // Nobody sets `perUser` here.
      return say('I9', `user ${r.userKey} is counted`);
    case 'pack-installed':
      if (f.packs.has(r.keyPackId)) say('I1', `key pack ${r.keyPackId} is installed twice`);
      return;
    default:
  }
};

/** A term never goes back, and begins with its own record. */
export const checkTerm = (f: Fold, batch: LedgerBatch, sequence: number, say: Say): void => {
  if (batch.term < f.term) say('leadership', `${sequence} is of term ${batch.term}, after ${f.term}`);
  const begins = batch.records.slice(0, 2).some((r) => r.kind === 'leadership-taken');
  if (batch.term > f.term && !begins)
    say('leadership', `term ${batch.term} begins at ${sequence} unannounced`);
};
