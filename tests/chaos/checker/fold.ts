// The checker's own fold of the ledger. It shares no code with inventory's: what it says is worked out from the rules, so
// that an error in the service's fold is not repeated here.

import { createHash } from 'node:crypto';
import { ledgerBatch, NO_HASH, type LedgerBatch, type LedgerRecord } from '@calbus/contracts/ledger';
import { UNACTIVATED } from '@calbus/contracts/license';
import type { LicensingMode } from '@calbus/contracts/tokens';
import { productVersions, type ProductVersion } from '@calbus/contracts/versions';
import type { LedgerMessage } from './history.ts';

export type FoldedLicense = {
  readonly licenseId: string;
  readonly licenseServerId: string;
  readonly epoch: number;
  readonly kind: 'temporary' | 'full';
  readonly version: ProductVersion;
  readonly keyPackId: string | null;
  readonly hardwareId: string;
  readonly deviceId: string;
  readonly deviceName: string;
  readonly userName: string | null;
  readonly issuedAt: number;
  readonly notAfter: number;
  readonly generation: string;
  readonly sequence: number;
  readonly validated: boolean;
  /** Ended by a record. A full license past its end holds its CAL until it is returned. */
  readonly over: boolean;
  /** By an operator: until the hour of its end it is counted as such. */
  readonly revoked?: true;
};

export type FoldedPack = {
  readonly version: ProductVersion;
  readonly mode: LicensingMode;
  readonly quantity: number;
};

export type Pool = {
  readonly version: ProductVersion;
  readonly mode: LicensingMode;
  readonly installed: number;
  readonly issued: number;
  readonly available: number;
  readonly temporary: number;
  /** Absent where there are none. */
  readonly revoked?: number;
};

export type Counts = { temporary: number; full: number; renewed: number; refused: number };

/** A record that decided a request, and where it stands. */
export type Recorded = {
  readonly record: LedgerRecord;
  readonly sequence: number;
  readonly at: number;
  /** The license as it stood after the record, where it issued or renewed one. */
  readonly license: FoldedLicense | undefined;
};

export type Fold = {
  generation: string;
  sequence: number;
  hash: string;
  term: number;
  time: number;
  readonly voids: number[];
  readonly packs: Map<string, FoldedPack>;
  readonly licenses: Map<string, FoldedLicense>;
  readonly byDevice: Map<string, string[]>;
  readonly terminalServers: Map<string, Counts>;
  /** By request id; one that was decided again after its memory ran out has several. */
  readonly recorded: Map<string, Recorded[]>;
  /** Recorded refusals by the sequence they stand at. */
  readonly refusals: Map<number, Recorded[]>;
  readonly activations: { readonly serverId: string; readonly epoch: number; readonly until: number }[];
};

export const newFold = (): Fold => ({
  generation: 'none',
  sequence: 0,
  hash: NO_HASH,
  term: 0,
  time: 0,
  voids: [],
  packs: new Map(),
  licenses: new Map(),
  byDevice: new Map(),
  terminalServers: new Map(),
  recorded: new Map(),
  refusals: new Map(),
  activations: [],
});

/** V1: a CAL serves terminal servers of its own version and of older ones. */
export const isNewEnough = (cal: ProductVersion, terminalServer: ProductVersion): boolean =>
  productVersions.indexOf(cal) >= productVersions.indexOf(terminalServer);

export const licensesOf = (f: Fold, hardwareId: string): FoldedLicense[] =>
  (f.byDevice.get(hardwareId) ?? []).flatMap((id) => f.licenses.get(id) ?? []);

export const isLive = (l: FoldedLicense, now: number): boolean => !l.over && l.notAfter > now;

export const heldOf = (f: Fold, keyPackId: string): number => {
  let n = 0;
  for (const l of f.licenses.values()) if (l.keyPackId === keyPackId && !l.over) n += 1;
  return n;
};

export const isActivated = (f: Fold, now: number): boolean => (f.activations.at(-1)?.until ?? -1) >= now;

/** Whether a CAL that serves this version is free, counted license by license. */
export const anyFree = (f: Fold, version: ProductVersion): boolean =>
  [...f.packs].some(
    ([id, p]) => p.mode === 'per-device' && isNewEnough(p.version, version) && heldOf(f, id) < p.quantity,
  );

const hourOf = (at: number): number => Math.floor(at / 3_600_000);

export const pools = (f: Fold): Pool[] =>
  productVersions.flatMap((version) =>
    (['per-device', 'per-user'] as const).flatMap((mode) => {
      const own = [...f.packs].filter(([, p]) => p.version === version && p.mode === mode);
      const installed = own.reduce((n, [, p]) => n + p.quantity, 0);
      const issued = own.reduce((n, [id]) => n + heldOf(f, id), 0);
      const isCounted = (l: FoldedLicense): boolean =>
        mode === 'per-device' &&
        l.kind === 'temporary' &&
        l.version === version &&
        !l.over &&
        // It leaves the counts with the hour of its end.
        hourOf(l.notAfter) >= hourOf(f.time);
      const temporary = [...f.licenses.values()].filter(isCounted).length;
      const isRevoked = (l: FoldedLicense): boolean =>
        mode === 'per-device' &&
        l.revoked === true &&
        l.version === version &&
        hourOf(l.notAfter) >= hourOf(f.time);
      const revoked = [...f.licenses.values()].filter(isRevoked).length;
      const shown = own.length > 0 || temporary > 0 || revoked > 0;
      const counts = { installed, issued, available: installed - issued, temporary };
      return shown ? [{ version, mode, ...counts, ...(revoked > 0 ? { revoked } : {}) }] : [];
    }),
  );

export type Opened =
  | { readonly kind: 'valid'; readonly batch: LedgerBatch; readonly hash: string }
  | { readonly kind: 'void'; readonly why: string; readonly timeWentBack: boolean };

const parse = (bytes: Uint8Array): LedgerBatch | undefined => {
  try {
    return ledgerBatch.safeParse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))).data;
  } catch {
    return undefined;
  }
};

/** Whether a message counts on top of what was folded so far. */
export const open = (f: Fold, { bytes }: LedgerMessage): Opened => {
  const batch = parse(bytes);
  const not = (why: string, timeWentBack = false): Opened => ({ kind: 'void', why, timeWentBack });
  if (!batch) return not('it is no batch');
  if (batch.prevHash !== f.hash) return not('it does not follow the last valid batch');
  const starts = batch.records[0]?.kind === 'generation-started';
  if (!starts && batch.generation !== f.generation) return not('it is of another generation');
  if (batch.at < f.time) return not('its time is before that of the batch it follows', true);
  return { kind: 'valid', batch, hash: createHash('sha256').update(bytes).digest('hex') };
};

const keep = (f: Fold, l: FoldedLicense): FoldedLicense => {
  if (!f.licenses.has(l.licenseId))
    f.byDevice.set(l.hardwareId, [...(f.byDevice.get(l.hardwareId) ?? []), l.licenseId]);
  f.licenses.set(l.licenseId, l);
  return l;
};

const count = (f: Fold, id: string, what: keyof Counts, times = 1): void => {
  const counts = f.terminalServers.get(id) ?? { temporary: 0, full: 0, renewed: 0, refused: 0 };
  counts[what] += times;
  f.terminalServers.set(id, counts);
};

const identity = (f: Fold, at = 0): { licenseServerId: string; epoch: number } => {
  const a = f.activations.at(-1);
  // Issued while the certificate is over: as before the first activation.
  return a && at <= a.until
    ? { licenseServerId: a.serverId, epoch: a.epoch }
    : { licenseServerId: UNACTIVATED, epoch: 0 };
};

type Place = { readonly sequence: number; readonly batch: LedgerBatch };

const issue = (
  f: Fold,
  r: Extract<LedgerRecord, { kind: 'temporary-issued' | 'full-issued' }>,
  { sequence, batch }: Place,
): FoldedLicense => {
  if (r.kind === 'full-issued') {
    for (const id of r.supersedes) {
      const old = f.licenses.get(id);
      if (old) keep(f, { ...old, over: true });
    }
  }
  return keep(f, {
    licenseId: r.licenseId,
    ...identity(f, batch.at),
    kind: r.kind === 'full-issued' ? 'full' : 'temporary',
    version: r.version,
    keyPackId: r.kind === 'full-issued' ? r.keyPackId : null,
    hardwareId: r.hardwareId,
    deviceId: r.deviceId,
    deviceName: r.deviceName,
    userName: r.userName,
    issuedAt: batch.at,
    notAfter: r.notAfter,
    generation: batch.generation,
    sequence,
    validated: false,
    over: false,
  });
};

/** Whether a record is the outcome of its request. A log-on said again within a request is not: the request has its own. */
export const isOutcome = (r: LedgerRecord): r is Extract<LedgerRecord, { requestId: string }> =>
  'requestId' in r && !('within' in r && r.within === 'request');

const note = (f: Fold, record: LedgerRecord, place: Place, license?: FoldedLicense): void => {
  if (!isOutcome(record)) return;
  const { sequence, batch } = place;
  const recorded = { record, sequence, at: batch.at, license };
  f.recorded.set(record.requestId, [...(f.recorded.get(record.requestId) ?? []), recorded]);
  if (record.kind === 'refused') f.refusals.set(sequence, [...(f.refusals.get(sequence) ?? []), recorded]);
};

/** Applies one record of a valid batch. */
export const apply = (f: Fold, r: LedgerRecord, place: Place): void => {
  switch (r.kind) {
    case 'generation-started':
    case 'leadership-taken':
    case 'settings-changed':
    case 'clock-confirmed':
    case 'user-dropped':
    case 'deactivated':
    case 'cals-withheld':
    case 'cals-settled':
    case 'reserve-released':
    case 'device-seen':
      return;
    case 'refusals-counted':
      for (const c of r.counts) count(f, c.terminalServerId, 'refused', c.times);
      return;
    case 'server-restored': {
      const last = f.activations.at(-1);
      if (last) f.activations.push({ ...last, until: -1 });
      return;
    }
    case 'activated':
      f.activations.push({ serverId: r.serverId, epoch: r.epoch, until: r.certificateNotAfter });
      return;
    case 'pack-installed':
      f.packs.set(r.keyPackId, { version: r.version, mode: r.mode, quantity: r.quantity });
      return;
    case 'temporary-issued':
    case 'full-issued':
      count(f, r.terminalServerId, r.kind === 'full-issued' ? 'full' : 'temporary');
      return note(f, r, place, issue(f, r, place));
    case 'renewed': {
      const old = f.licenses.get(r.licenseId);
      const { sequence, batch } = place;
      const moved = { issuedAt: batch.at, notAfter: r.notAfter, generation: batch.generation, sequence };
      count(f, r.terminalServerId, 'renewed');
      return note(f, r, place, old && keep(f, { ...old, ...identity(f), ...moved }));
    }
    case 'validated': {
      const old = f.licenses.get(r.licenseId);
      if (old) keep(f, { ...old, validated: true });
      return note(f, r, place);
    }
    case 'returned': {
      const old = f.licenses.get(r.licenseId);
      if (old) keep(f, { ...old, over: true });
      return;
    }
    case 'license-revoked': {
      const old = f.licenses.get(r.licenseId);
      if (old) keep(f, { ...old, over: true, revoked: true });
      return;
    }
    case 'devices-merged':
      for (const id of r.ends) {
        const old = f.licenses.get(id);
        if (old) keep(f, { ...old, over: true });
      }
      return;
    case 'merge-undone': {
      const old = r.restores === null ? undefined : f.licenses.get(r.restores);
      if (old) keep(f, { ...old, keyPackId: r.keyPackId, over: false });
      return;
    }
    case 'relearned':
    case 'terminal-server-stands':
    case 'user-recorded':
    case 'user-extended':
      return note(f, r, place);
    case 'refused':
      count(f, r.terminalServerId, 'refused');
      return note(f, r, place);
  }
};

/** Moves the head to a valid batch whose records were applied. */
export const moveTo = (f: Fold, { sequence, batch }: Place, hash: string): void => {
  f.sequence = sequence;
  f.hash = hash;
  f.generation = batch.generation;
  f.term = batch.term;
  f.time = batch.at;
};
