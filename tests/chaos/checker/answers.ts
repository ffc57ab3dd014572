// What must be true of each answer, seen from the ledger. A recorded one equals its record; any other must be true at the
// place it names: after one of that batch's records, since commands are decided one by one within a batch.

import type { Decision } from '@calbus/terminal-server/client';
import { notThisLicense } from './claims.ts';
import { anyFree, isActivated, isLive, isNewEnough, licensesOf, type Fold, type Recorded } from './fold.ts';
import type { Asked } from './history.ts';
import { HOUR } from './records.ts';

const LEAD = 7 * 24 * HOUR;

/** Rows that take, return, change or validate: never without a record of their own. */
const recordedOnly: ReadonlySet<string> = new Set(['D2', 'D4', 'D6', 'D9', 'D11', 'D16']);

/** Why an answer is not what the record of its request says. */
export const differsFromRecord = (d: Decision, { record, license }: Recorded): string | undefined => {
  if (!('requestId' in record)) return 'the record is of no request';
  if (record.row !== d.row) return `the answer's row is ${d.row}, the record's ${record.row}`;
  if (record.terminalServerId !== d.terminalServerId) return `the record is of ${record.terminalServerId}`;
  const { outcome } = d;
  switch (record.kind) {
    case 'temporary-issued':
    case 'full-issued':
    case 'renewed':
      return license ? notThisLicense(outcome, license) : 'the record is of no license';
    case 'validated':
      return outcome.kind === 'validated' && outcome.licenseId === record.licenseId
        ? undefined
        : `the answer is ${outcome.kind}, the ledger validated ${record.licenseId}`;
    case 'user-recorded':
    case 'user-extended':
      return outcome.kind === 'per-user' &&
        outcome.userKey === record.userKey &&
        outcome.notAfter === record.notAfter
        ? undefined
        : `the answer is ${outcome.kind}, the ledger recorded user ${record.userKey}`;
    case 'relearned':
    case 'terminal-server-stands':
      return outcome.kind === 'noted' ? undefined : `the answer is ${outcome.kind}, the ledger noted it`;
    case 'refused':
      return outcome.kind === 'refused' && outcome.code === record.code
        ? undefined
        : `the answer is ${outcome.kind}, the ledger refused with ${record.code}`;
  }
};

const givenAgain = (f: Fold, d: Decision, asked: Extract<Asked, { kind: 'license' }>): string | undefined => {
  if (d.outcome.kind !== 'license') return `row ${d.row} gives a license, the answer is ${d.outcome.kind}`;
  const l = f.licenses.get(d.outcome.licenseId);
  const now = d.decidedAt;
  if (!l || l.hardwareId !== asked.hardwareId) return `${asked.hardwareId} holds no ${d.outcome.licenseId}`;
  if (!isLive(l, now)) return `license ${l.licenseId} is not live`;
  if (!isNewEnough(l.version, asked.version)) return `license ${l.licenseId} does not serve ${asked.version}`;
  const within = l.notAfter - now <= LEAD;
  const canTake = isActivated(f, now) && anyFree(f, asked.version);
  const fits: Record<string, boolean> = {
    D13: l.kind === 'full' && !within,
    D2n: l.kind === 'full' && within && !isActivated(f, now),
    D8: l.kind === 'temporary' && !l.validated,
    D7: l.kind === 'temporary' && l.validated && !canTake,
  };
  if (fits[d.row] !== true) return `row ${d.row} does not fit what ${asked.hardwareId} holds`;
  const fuller = licensesOf(f, asked.hardwareId).some(
    (o) => o.kind === 'full' && isLive(o, now) && isNewEnough(o.version, asked.version),
  );
  if (l.kind === 'temporary' && fuller) return `${asked.hardwareId} holds a full license and got a temporary`;
  return notThisLicense(d.outcome, l);
};

const refusedAgain = (
  f: Fold,
  d: Decision,
  asked: Extract<Asked, { kind: 'license' }>,
): string | undefined => {
  if (d.outcome.kind !== 'refused') return `row D10 refuses, the answer is ${d.outcome.kind}`;
  const { code } = d.outcome;
  const there = f.refusals
    .get(d.position.sequence)
    ?.some(
      ({ record, at }) =>
        record.kind === 'refused' &&
        record.hardwareId === asked.hardwareId &&
        record.version === asked.version &&
        record.mode === asked.mode &&
        record.code === code &&
        d.decidedAt - at < HOUR,
    );
  if (!there) return `no refusal of ${asked.hardwareId} with ${code} is recorded there`;
  if (code === 'NO_LICENSE_AVAILABLE' && anyFree(f, asked.version)) return 'a CAL was free';
  return undefined;
};

const perUser = (f: Fold, d: Decision, asked: Extract<Asked, { kind: 'license' }>): string | undefined => {
  const packs = [...f.packs.values()].filter((p) => isNewEnough(p.version, asked.version));
  const installed = packs.some((p) => p.mode === 'per-user');
  const active = isActivated(f, d.decidedAt);
  const code = d.outcome.kind === 'refused' ? d.outcome.code : d.outcome.kind;
  const stock = packs.length === 0 ? 'NOTHING_INSTALLED_FOR_PRODUCT' : 'WRONG_MODE';
  const row = !asked.authenticated ? 'U0' : !active ? 'U9' : !installed ? 'U4' : 'U1';
  const wanted = { U0: 'NOT_AUTHENTICATED', U9: 'NOT_ACTIVATED', U4: stock, U1: 'per-user' }[row];
  return row === d.row && wanted === code ? undefined : `${d.row} ${code} should be ${row} ${wanted}`;
};

const reported = (f: Fold, d: Decision, asked: Extract<Asked, { kind: 'report' }>): string | undefined => {
  const l = f.licenses.get(asked.licenseId);
  const known = l?.hardwareId === asked.hardwareId ? l : undefined;
  const wanted = !known
    ? 'UNKNOWN_LICENSE'
    : known.kind === 'full'
      ? 'NOT_TEMPORARY'
      : known.validated
        ? 'validated'
        : 'UNKNOWN_LICENSE';
  if (known?.kind === 'temporary' && !known.validated && isLive(known, d.decidedAt))
    return `${asked.licenseId} could be validated, and no record says that it was`;
  const code = d.outcome.kind === 'refused' ? d.outcome.code : d.outcome.kind;
  return code === wanted ? undefined : `the report of ${asked.licenseId} is ${code}, should be ${wanted}`;
};

/** Why an answer without a record of its own is not true as the fold stands; undefined where it is. */
export const notTrueHere = (f: Fold, d: Decision, asked: Asked | undefined): string | undefined => {
  if (recordedOnly.has(d.row)) return `row ${d.row} of request ${d.requestId} has no record`;
  if (!asked) return undefined;
  if (asked.terminalServerId !== d.terminalServerId) return `it was asked by ${asked.terminalServerId}`;
  if (asked.kind === 'report') return reported(f, d, asked);
  if (asked.mode === 'per-user') return perUser(f, d, asked);
  if (d.row === 'N3')
    return asked.hardwareId.startsWith('00000000') ? undefined : `${asked.hardwareId} identifies a device`;
  return d.row === 'D10' ? refusedAgain(f, d, asked) : givenAgain(f, d, asked);
};
