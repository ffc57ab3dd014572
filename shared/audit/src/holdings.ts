// Who holds what: an independent fold of the ledger's records. It shares no rule with the service that writes them, and says
// which of its invariants a record breaks. One record costs the same whatever the ledger's size.
//
// I1 installed = free + held, in each pool; a CAL returns once, when it is due. Where Per User is enforced, no more users are
// recorded than CALs and the overdraft; a user is dropped only past the end. I2 a CAL is taken only if one was free.
// I3 a device has at most one live full license that serves a version, a user one entry. I5 what was decided has a record that fits.
// I6 NO_LICENSE_AVAILABLE only if no CAL that serves is free. I7 one temporary license per device and version.
// I9 Per User CALs are not counted down, and users are recorded only where that is set. I11 ledger time never decreases.

import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { PerUserMode } from '@calbus/contracts/settings';
import type { LicensingMode } from '@calbus/contracts/tokens';
import { productVersions, type ProductVersion } from '@calbus/contracts/versions';

/** A CAL is due this long after its license's end. */
const RETURN_AFTER_BY_DEFAULT = 3_600_000;

const hourOf = (at: number): number => Math.floor(at / 3_600_000);

export type Invariant = 'I1' | 'I2' | 'I3' | 'I5' | 'I6' | 'I7' | 'I9' | 'I11';
export type Violation = { readonly sequence: number; readonly invariant: Invariant; readonly says: string };

export type AuditedLicense = {
  readonly licenseId: string;
  readonly kind: 'temporary' | 'full';
  readonly hardwareId: string;
  readonly deviceName: string;
  readonly userName: string | null;
  readonly terminalServerId: string;
  readonly version: ProductVersion;
  readonly keyPackId: string | null;
  readonly issuedAt: number;
  readonly sequence: number;
  notAfter: number;
  validated: boolean;
  /** Ended by a record; a full license past its end holds its CAL until it is returned. */
  over: boolean;
};

export type AuditedPack = {
  readonly version: ProductVersion;
  readonly mode: LicensingMode;
  readonly quantity: number;
  held: number;
};

export type AuditedPool = {
  readonly version: ProductVersion;
  readonly mode: LicensingMode;
  readonly installed: number;
  readonly issued: number;
  readonly available: number;
  readonly temporary: number;
};

type Of<K extends LedgerRecord['kind']> = Extract<LedgerRecord, { kind: K }>;
type Issued = Of<'temporary-issued'> | Of<'full-issued'>;

const age = (v: ProductVersion): number => productVersions.indexOf(v);
const newEnough = (version: ProductVersion, wanted: ProductVersion): boolean => age(version) >= age(wanted);

export const newHoldings = (found: (violation: Violation) => void) => {
  const licenses = new Map<string, AuditedLicense>();
  /** Full licenses that may be live, and temporary ones, by device. */
  const devices = new Map<string, AuditedLicense[]>();
  const packs = new Map<string, AuditedPack>();
  /** Free Per Device CALs, by the age of their version. */
  const free = productVersions.map(() => 0);
  /** Temporary licenses not superseded, by the hour in which they end and the age of their version; counted until that hour is over. */
  const temporaries = new Map<number, number[]>();
  let time = 0;
  let returnAfter = RETURN_AFTER_BY_DEFAULT;
  let sequence = 0;
  let certificateUntil = -1;
  let perUser: PerUserMode = 'unmonitored';
  let overdraft = 0;
  /** The ends of users' entries, by user and the age of the version of the CALs they count against. */
  const users = new Map<string, Map<number, number>>();
  /** Entries dropped before their end, within one batch: each must make room for the user's one of a later version. */
  const making = new Map<string, number>();
  /** Per User CALs, and users recorded against them, by the age of their version. */
  const seats = productVersions.map(() => 0);
  const seated = productVersions.map(() => 0);

  const wrong = (invariant: Invariant, says: string): void => found({ sequence, invariant, says });
  const add = (counts: number[], version: ProductVersion, n: number): void => {
    counts[age(version)] = (counts[age(version)] ?? 0) + n;
  };

  const addTemporary = (
    l: { readonly version: ProductVersion; readonly notAfter: number },
    n: number,
  ): void => {
    const hour = hourOf(l.notAfter);
    if (hour < hourOf(time)) return;
    const counts = temporaries.get(hour) ?? productVersions.map(() => 0);
    add(counts, l.version, n);
    temporaries.set(hour, counts);
  };
  const passTo = (at: number): void => {
    if (hourOf(at) !== hourOf(time))
      for (const hour of temporaries.keys()) if (hour < hourOf(at)) temporaries.delete(hour);
    time = Math.max(time, at);
  };

  /** Whether a CAL that serves this version is free. */
  const anyFree = (version: ProductVersion): boolean => free.some((n, i) => i >= age(version) && n > 0);

  const change = (pack: AuditedPack | undefined, by: number): void => {
    if (!pack) return;
    pack.held += by;
    if (pack.mode === 'per-device') add(free, pack.version, -by);
  };

  const end = (l: AuditedLicense): void => {
    l.over = true;
    if (l.kind === 'temporary') addTemporary(l, -1);
    else change(packs.get(l.keyPackId ?? ''), -1);
  };

  const issue = (r: Issued, own: AuditedLicense[]): void => {
    const { licenseId, hardwareId, deviceName, userName, terminalServerId, version, notAfter } = r;
    if (licenses.has(licenseId)) wrong('I1', `license ${licenseId} was issued twice`);
    const license: AuditedLicense = {
      licenseId,
      kind: r.kind === 'full-issued' ? 'full' : 'temporary',
      hardwareId,
      deviceName,
      userName,
      terminalServerId,
      version,
      keyPackId: r.kind === 'full-issued' ? r.keyPackId : null,
      issuedAt: time,
      sequence,
      notAfter,
      validated: false,
      over: false,
    };
    licenses.set(licenseId, license);
    own.push(license);
    devices.set(hardwareId, own);
  };

  const issueTemporary = (r: Of<'temporary-issued'>): void => {
    const own = devices.get(r.hardwareId) ?? [];
    if (own.some((l) => l.kind === 'temporary' && l.version === r.version))
      wrong('I7', `a second temporary license for ${r.version} on device ${r.hardwareId}`);
    issue(r, own);
    addTemporary(r, 1);
  };

  const issueFull = (r: Of<'full-issued'>): void => {
    const pack = packs.get(r.keyPackId);
    if (pack?.mode === 'per-user') wrong('I9', `a Per User CAL of ${r.keyPackId} was taken`);
    else if (pack?.version !== r.version) wrong('I2', 'a CAL of no such pack');
    if (pack && pack.held >= pack.quantity) wrong('I2', 'a CAL was taken and none was free');
    if (certificateUntil < time) wrong('I2', 'a CAL was taken while not activated');
    for (const id of r.supersedes) {
      const old = licenses.get(id);
      if (old?.hardwareId === r.hardwareId && !old.over) end(old);
      else wrong('I1', `a license was superseded that was not held: ${id}`);
    }
    // What the device cannot need any more is left out, so that it stays short over the years.
    const own = (devices.get(r.hardwareId) ?? []).filter((l) => l.kind === 'temporary' || !l.over);
    // Every version serves 2000, so two of any version are one too many.
    if (own.some((l) => l.kind === 'full' && l.notAfter > time))
      wrong('I3', `two live full licenses for device ${r.hardwareId}`);
    issue(r, own);
    change(pack, 1);
  };

  const from = (counts: readonly number[], version: ProductVersion): number =>
    counts.slice(age(version)).reduce((n, more) => n + more, 0);
  /** Whether an enforced license server has room for one more user on a terminal server of this version. */
  const anySeat = (version: ProductVersion): boolean =>
    perUser !== 'enforced' || from(seated, version) < from(seats, version) + overdraft;

  const recordUser = ({ userKey, version, notAfter }: Of<'user-recorded'>): void => {
    const own = users.get(userKey) ?? new Map<number, number>();
    const n = age(version);
    if (perUser === 'unmonitored') wrong('I9', `user ${userKey} was recorded while nobody is counted`);
    if (certificateUntil < time) wrong('I2', 'a user was recorded while not activated');
    if ((seats[n] ?? 0) === 0) wrong('I2', `user ${userKey} was recorded against no CAL`);
    if (own.has(n)) wrong('I1', `user ${userKey} was recorded twice`);
    for (const [at, end] of own)
      if (at >= n && end > time) wrong('I3', `two live entries for user ${userKey}`);
    users.set(userKey, own.set(n, notAfter));
    if (n > (making.get(userKey) ?? n)) making.delete(userKey);
    add(seated, version, 1);
    if (perUser === 'enforced' && (seated[n] ?? 0) > (seats[n] ?? 0) + overdraft)
      wrong('I1', `more users are recorded than Per User CALs of ${version}, and the overdraft`);
  };

  const apply = (r: LedgerRecord): void => {
    switch (r.kind) {
      case 'generation-started':
      case 'leadership-taken':
      case 'refusals-counted':
      case 'clock-confirmed':
        return;
      case 'settings-changed':
        returnAfter = r.changes.expirySkew ?? returnAfter;
        perUser = r.changes.perUser ?? perUser;
        overdraft = r.changes.overdraft ?? overdraft;
        return;
      case 'activated':
        certificateUntil = r.certificateNotAfter;
        return;
      case 'pack-installed': {
        const { version, mode, quantity } = r;
        if (packs.has(r.keyPackId)) wrong('I1', `key pack ${r.keyPackId} was installed twice`);
        packs.set(r.keyPackId, { version, mode, quantity, held: 0 });
        add(mode === 'per-device' ? free : seats, version, quantity);
        return;
      }
      case 'temporary-issued':
        return issueTemporary(r);
      case 'full-issued':
        return issueFull(r);
      case 'renewed': {
        const l = licenses.get(r.licenseId);
        if (certificateUntil < time) wrong('I2', 'a CAL was renewed while not activated');
        if (l?.kind === 'full' && !l.over && l.notAfter > time) l.notAfter = r.notAfter;
        else wrong('I1', `a license was renewed that was not live: ${r.licenseId}`);
        return;
      }
      case 'validated': {
        const l = licenses.get(r.licenseId);
        if (l?.kind === 'temporary' && !l.over && l.notAfter > time) l.validated = true;
        else wrong('I5', `validated what was not live: ${r.licenseId}`);
        return;
      }
      case 'returned': {
        const l = licenses.get(r.licenseId);
        if (l?.kind === 'full' && !l.over && l.notAfter + returnAfter <= time) end(l);
        else wrong('I1', `a CAL was returned that was not due: license ${r.licenseId}`);
        return;
      }
      case 'user-recorded':
        return recordUser(r);
      case 'user-extended': {
        const entries = users.get(r.userKey);
        const end = entries?.get(age(r.version)) ?? -1;
        if (certificateUntil < time) wrong('I2', 'a user was extended while not activated');
        if (perUser === 'unmonitored') wrong('I9', `user ${r.userKey} was extended while nobody is counted`);
        if (end > time && r.notAfter > end) entries?.set(age(r.version), r.notAfter);
        else wrong('I1', `a user was extended that was not live: ${r.userKey}`);
        return;
      }
      case 'user-dropped': {
        const entries = users.get(r.userKey);
        const end = entries?.get(age(r.version));
        if (end === undefined) return wrong('I1', `a user was dropped that was not there: ${r.userKey}`);
        if (end > time) making.set(r.userKey, Math.max(age(r.version), making.get(r.userKey) ?? 0));
        entries?.delete(age(r.version));
        add(seated, r.version, -1);
        return;
      }
      case 'refused':
        if (r.code !== 'NO_LICENSE_AVAILABLE') return;
        if (r.mode === 'per-device' ? anyFree(r.version) : anySeat(r.version))
          wrong('I6', 'refused with a CAL free');
        return;
    }
  };

  const temporaryOf = (version: ProductVersion): number => {
    let n = 0;
    for (const counts of temporaries.values()) n += counts[age(version)] ?? 0;
    return n;
  };

  return {
    licenses: licenses as ReadonlyMap<string, Readonly<AuditedLicense>>,
    packs: packs as ReadonlyMap<string, Readonly<AuditedPack>>,
    anyFree,
    anySeat,
    /** The ends of a user's entries, by the version of the CALs they count against. */
    endsOf: (userKey: string): ReadonlyMap<ProductVersion, number> =>
      new Map(
        [...(users.get(userKey) ?? [])].flatMap(([n, end]) =>
          productVersions[n] === undefined ? [] : [[productVersions[n], end]],
        ),
      ),
    perUser: (): PerUserMode => perUser,
    time: (): number => time,
    fold: (records: readonly LedgerRecord[], at: number, place: number): void => {
      sequence = place;
      if (at < time) wrong('I11', 'ledger time went back');
      passTo(at);
      for (const r of records) apply(r);
      for (const userKey of making.keys()) wrong('I1', `a user was dropped that was not due: ${userKey}`);
      making.clear();
    },
    serves: (l: Readonly<AuditedLicense>, version: ProductVersion, now: number): boolean =>
      !l.over && l.notAfter > now && newEnough(l.version, version),
    /** Full licenses past their end and the hour after it whose CAL is not returned, and users past their end; looks at all. */
    due: (now: number): number => {
      let n = 0;
      for (const l of licenses.values())
        if (l.kind === 'full' && !l.over && l.notAfter + returnAfter <= now) n += 1;
      for (const own of users.values()) for (const end of own.values()) if (end <= now) n += 1;
      return n;
    },
    /** The counts of every pool that has packs or temporary licenses, oldest version first. */
    pools: (): AuditedPool[] =>
      productVersions.flatMap((version) =>
        (['per-device', 'per-user'] as const).flatMap((mode) => {
          const own = [...packs.values()].filter((p) => p.version === version && p.mode === mode);
          const temporary = mode === 'per-device' ? temporaryOf(version) : 0;
          if (own.length === 0 && temporary === 0) return [];
          const installed = own.reduce((n, p) => n + p.quantity, 0);
          const held = own.reduce((n, p) => n + p.held, 0);
          const issued = mode === 'per-user' ? (seated[age(version)] ?? 0) : held;
          return [{ version, mode, installed, issued, available: installed - issued, temporary }];
        }),
      ),
  };
};
export type Holdings = ReturnType<typeof newHoldings>;
