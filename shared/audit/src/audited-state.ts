// Who holds what: an independent fold of the ledger's records. It shares no rule with the service that writes them, and says
// which of its invariants a record breaks. One record costs the same whatever the ledger's size.
//
// I1 installed = free + held + reserved - deficit, in each pool; a CAL returns once, when it is due, or is freed by an operator. Where Per User is enforced, no more users are
// recorded than CALs and the overdraft; a user is dropped only past the end. I2 a CAL is taken only if one was free.
// I3 a device has at most one live full license that serves a version, a user one entry. I5 what was decided has a record that fits.
// I6 NO_LICENSE_AVAILABLE only if no CAL that serves is free. I7 one temporary license per device and version.
// I9 Per User CALs are not counted down, and users are recorded only where that is set. I11 ledger time never decreases.
// And R2: no more licenses of a version are revoked at once than the limit says.

import { createAuditedUsers, type UserContext } from './audited-users.ts';
import { add, age, createHourlyCounts, noCounts } from './version-counts.ts';
import type { Report, Violation } from './violation.ts';
import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { PerUserMode, Settings } from '@calbus/contracts/settings';
import type { LicensingMode } from '@calbus/contracts/tokens';
import { productVersions, type ProductVersion } from '@calbus/contracts/versions';

/** A CAL is due this long after its license's end. */
const RETURN_AFTER_BY_DEFAULT = 3_600_000;

export type AuditedLicense = {
  readonly licenseId: string;
  readonly kind: 'temporary' | 'full';
  readonly hardwareId: string;
  readonly deviceName: string;
  readonly userName: string | null;
  readonly terminalServerId: string;
  readonly version: ProductVersion;
  /** Of a full license null where it was learned again and there was no CAL for it. */
  keyPackId: string | null;
  readonly issuedAt: number;
  readonly sequence: number;
  notAfter: number;
  validated: boolean;
  /** Ended by a record; a full license past its end holds its CAL until it is returned. */
  over: boolean;
  endedBy: 'superseded' | 'returned' | 'revoked' | 'merged' | null;
};

export type AuditedPack = {
  readonly version: ProductVersion;
  readonly mode: LicensingMode;
  quantity: number;
  held: number;
  /** CALs kept for licenses that are learned again. */
  reserved: number;
  /** CALs that no device gets while the Clearinghouse decides whether it takes them. */
  withheld: number;
};

export type AuditedPool = {
  readonly version: ProductVersion;
  readonly mode: LicensingMode;
  readonly installed: number;
  readonly issued: number;
  readonly available: number;
  readonly temporary: number;
  /** Each only where there are any. */
  readonly revoked?: number;
  readonly reserved?: number;
  readonly deficit?: number;
  readonly withheld?: number;
};

type RevocationLimit = Settings['revocationLimit'];
type RecordOf<K extends LedgerRecord['kind']> = Extract<LedgerRecord, { kind: K }>;
type Issued = RecordOf<'temporary-issued'> | RecordOf<'full-issued'>;

const newEnough = (version: ProductVersion, wanted: ProductVersion): boolean => age(version) >= age(wanted);

export const createAuditedState = (found: (violation: Violation) => void) => {
  const licenses = new Map<string, AuditedLicense>();
  /** Full licenses that may be live, and temporary ones, by device. */
  const devices = new Map<string, AuditedLicense[]>();
  const packs = new Map<string, AuditedPack>();
  /** Free Per Device CALs, by the age of their version. */
  const free = noCounts();
  /** Temporary licenses that are not superseded. */
  const temporaries = createHourlyCounts();
  const revoked = createHourlyCounts();
  /** The ends of revoked licenses, by the age of their version. */
  const revokedEnds = productVersions.map((): number[] => []);
  let revocationLimit: RevocationLimit = 'fifth';
  /** Licenses learned again for which there was no CAL, by the age of their version. */
  const deficit = noCounts();
  /** Into which device one was merged, and which of its licenses that ended. */
  const merges = new Map<string, { readonly into: string; readonly ended: readonly string[] }>();
  /** CALs withheld and not settled, by command. */
  const withheld = new Map<string, { readonly keyPackId: string; readonly quantity: number }>();
  /** How far earlier lives of the ledger survived. */
  const survived = new Map<string, number>();
  let time = 0;
  let returnAfter = RETURN_AFTER_BY_DEFAULT;
  let sequence = 0;
  let certificateUntil = -1;
  let perUser: PerUserMode = 'unmonitored';
  let overdraft = 0;
  const wrong: Report = (invariant, says) => found({ sequence, invariant, says });
  const users = createAuditedUsers(wrong);
  const context = (): UserContext => ({ time, activated: certificateUntil >= time, perUser, overdraft });
  const anySeat = (version: ProductVersion): boolean => users.anySeat(version, context());

  /** Whether a CAL that serves this version is free. */
  const anyFree = (version: ProductVersion): boolean => free.some((n, i) => i >= age(version) && n > 0);

  const change = (pack: AuditedPack | undefined, by: number): void => {
    if (!pack) return;
    pack.held += by;
    if (pack.mode === 'per-device') add(free, pack.version, -by);
  };

  const end = (l: AuditedLicense, by: NonNullable<AuditedLicense['endedBy']>): void => {
    l.over = true;
    l.endedBy = by;
    if (l.kind === 'temporary') temporaries.add(l, -1, time);
    else if (l.keyPackId === null) add(deficit, l.version, -1);
    else change(packs.get(l.keyPackId), -1);
  };
  const isLive = (l: AuditedLicense): boolean => !l.over && l.notAfter > time;
  /** M1: the device that holds what this one is given. */
  const holderOf = (hardwareId: string): string => {
    const into = merges.get(hardwareId)?.into;
    return into === undefined ? hardwareId : holderOf(into);
  };
  const asked = (r: Issued): void => {
    if (holderOf(r.askedAs ?? r.hardwareId) !== r.hardwareId)
      wrong('I3', `license ${r.licenseId} is of another device than the merges say`);
  };

  const issue = (r: Issued, own: AuditedLicense[]): void => {
    const { licenseId, hardwareId, deviceName, userName, terminalServerId, version, notAfter } = r;
    asked(r);
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
      endedBy: null,
    };
    keep(license, own);
  };
  const keep = (license: AuditedLicense, own: AuditedLicense[]): void => {
    licenses.set(license.licenseId, license);
    own.push(license);
    devices.set(license.hardwareId, own);
  };

  const issueTemporary = (r: RecordOf<'temporary-issued'>): void => {
    const own = devices.get(r.hardwareId) ?? [];
    if (own.some((l) => l.kind === 'temporary' && l.version === r.version))
      wrong('I7', `a second temporary license for ${r.version} on device ${r.hardwareId}`);
    issue(r, own);
    temporaries.add(r, 1, time);
  };

  const issueFull = (r: RecordOf<'full-issued'>): void => {
    const pack = packs.get(r.keyPackId);
    if (pack?.mode === 'per-user') wrong('I9', `a Per User CAL of ${r.keyPackId} was taken`);
    else if (pack?.version !== r.version) wrong('I2', 'a CAL of no such pack');
    if (pack && room(pack) <= 0) wrong('I2', 'a CAL was taken and none was free');
    if (certificateUntil < time) wrong('I2', 'a CAL was taken while not activated');
    for (const id of r.supersedes) {
      const old = licenses.get(id);
      if (old?.hardwareId === r.hardwareId && !old.over) end(old, 'superseded');
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

  const room = (p: AuditedPack): number => p.quantity - p.held - p.reserved - p.withheld;

  const withhold = ({ commandId, keyPackId, quantity }: RecordOf<'cals-withheld'>): void => {
    const pack = packs.get(keyPackId);
    if (!pack) return wrong('I1', `CALs of a pack were withheld that there is not: ${keyPackId}`);
    if (room(pack) < quantity || withheld.has(commandId))
      wrong('I2', 'CALs were withheld that were not free');
    pack.withheld += quantity;
    withheld.set(commandId, { keyPackId, quantity });
    if (pack.mode === 'per-device') add(free, pack.version, -quantity);
  };
  const settle = ({ commandId, outcome }: RecordOf<'cals-settled'>): void => {
    const kept = withheld.get(commandId);
    const pack = kept && packs.get(kept.keyPackId);
    if (!pack) return wrong('I1', `CALs were settled that were not withheld: ${commandId}`);
    const { quantity } = kept;
    withheld.delete(commandId);
    pack.withheld -= quantity;
    if (outcome === 'given-back') {
      if (pack.mode === 'per-device') add(free, pack.version, quantity);
      return;
    }
    pack.quantity -= quantity;
    if (pack.mode === 'per-user') users.install(pack.version, -quantity);
  };

  const revoke = ({ licenseId }: RecordOf<'license-revoked'>): void => {
    const l = licenses.get(licenseId);
    if (l?.kind !== 'full' || !isLive(l))
      return wrong('I1', `a license was revoked that was not live: ${licenseId}`);
    const ends = (revokedEnds[age(l.version)] ?? []).filter((at) => at > time);
    let installed = 0;
    for (const p of packs.values())
      if (p.mode === 'per-device' && p.version === l.version) installed += p.quantity;
    if (revocationLimit === 'fifth' && ends.length > 0 && (ends.length + 1) * 5 > installed)
      wrong('R2', `more licenses of ${l.version} are revoked than a fifth of its CALs`);
    revokedEnds[age(l.version)] = [...ends, l.notAfter];
    revoked.add(l, 1, time);
    end(l, 'revoked');
  };

  const merge = ({ from: merged, into, ends }: RecordOf<'devices-merged'>): void => {
    if (merges.has(merged) || holderOf(into) === merged)
      wrong('I3', `device ${merged} was merged in a circle or twice`);
    const live = (devices.get(merged) ?? []).filter(isLive);
    if (live.length !== ends.length) wrong('I1', `a merge left licenses of device ${merged}`);
    for (const id of ends) {
      const l = licenses.get(id);
      if (l && live.includes(l)) end(l, 'merged');
      else wrong('I1', `a merge ended a license that was not held: ${id}`);
    }
    merges.set(merged, { into, ended: ends });
  };

  const undoMerge = ({ from: merged, restores, keyPackId }: RecordOf<'merge-undone'>): void => {
    const ended = merges.get(merged)?.ended;
    if (!ended) wrong('I1', `a merge was undone that there was not: ${merged}`);
    merges.delete(merged);
    if (restores === null) return;
    const l = licenses.get(restores);
    const pack = packs.get(keyPackId ?? '');
    if (!l || !ended?.includes(restores) || l.kind !== 'full' || l.endedBy !== 'merged' || l.notAfter <= time)
      return wrong('I1', `a license was restored that no merge had ended: ${restores}`);
    if (pack?.version !== l.version || room(pack) <= 0) wrong('I2', 'a CAL was taken and none was free');
    if ((devices.get(merged) ?? []).some((o) => o.kind === 'full' && isLive(o)))
      wrong('I3', `two live full licenses for device ${merged}`);
    l.over = false;
    l.endedBy = null;
    l.keyPackId = keyPackId;
    change(pack, 1);
  };

  const relearn = (r: RecordOf<'relearned'>): void => {
    const { licenseId, hardwareId, deviceName, userName, terminalServerId, version, issuedAt, notAfter } = r;
    const own = devices.get(hardwareId) ?? [];
    const pack = packs.get(r.keyPackId ?? '');
    if (licenses.has(licenseId)) wrong('I1', `license ${licenseId} was learned again and is held`);
    if (holderOf(hardwareId) !== hardwareId)
      wrong('I3', `license ${licenseId} was learned again for a device that is merged into another`);
    if (r.earlier.sequence <= (survived.get(r.earlier.generation) ?? 0))
      wrong('I1', `license ${licenseId} was learned again, of a part of the ledger that survived`);
    if (notAfter <= time) wrong('I1', `license ${licenseId} was learned again past its end`);
    if (own.some((l) => l.kind === 'full' && isLive(l)))
      wrong('I3', `two live full licenses for device ${hardwareId}`);
    if (r.keyPackId === null) {
      const left = [...packs.values()].some(
        (p) => p.mode === 'per-device' && p.version === version && p.held + p.withheld < p.quantity,
      );
      if (left) wrong('I1', 'a deficit with a CAL left');
      add(deficit, version, 1);
    } else if (pack?.version !== version || pack.mode !== 'per-device') wrong('I2', 'a CAL of no such pack');
    else {
      if (r.reserved ? pack.reserved === 0 : room(pack) <= 0)
        wrong('I2', 'a CAL was taken and none was reserved, or free');
      if (r.reserved) {
        pack.reserved -= 1;
        add(free, version, 1);
      }
      change(pack, 1);
    }
    const at = { issuedAt, sequence, notAfter, validated: false, over: false, endedBy: null };
    const who = { hardwareId, deviceName, userName, terminalServerId };
    keep({ licenseId, kind: 'full', ...who, version, keyPackId: r.keyPackId, ...at }, own);
  };

  const apply = (r: LedgerRecord): void => {
    switch (r.kind) {
      case 'generation-started':
        if (r.after) survived.set(r.after.generation, r.after.sequence);
        return;
      case 'device-seen':
      case 'terminal-server-stands':
      case 'leadership-taken':
      case 'refusals-counted':
      case 'clock-confirmed':
        return;
      case 'settings-changed':
        returnAfter = r.changes.expirySkew ?? returnAfter;
        perUser = r.changes.perUser ?? perUser;
        overdraft = r.changes.overdraft ?? overdraft;
        revocationLimit = r.changes.revocationLimit ?? revocationLimit;
        return;
      case 'activated':
        certificateUntil = r.certificateNotAfter;
        return;
      case 'deactivated':
      case 'server-restored':
        certificateUntil = -1;
        return;
      case 'cals-withheld':
        return withhold(r);
      case 'cals-settled':
        return settle(r);
      case 'reserve-released':
        for (const p of packs.values()) {
          if (p.mode === 'per-device') add(free, p.version, p.reserved);
          p.reserved = 0;
        }
        return;
      case 'pack-installed': {
        const { version, mode, quantity } = r;
        if (packs.has(r.keyPackId)) wrong('I1', `key pack ${r.keyPackId} was installed twice`);
        const reserved = r.reserved ?? 0;
        packs.set(r.keyPackId, { version, mode, quantity, held: 0, reserved, withheld: 0 });
        if (mode === 'per-device') add(free, version, quantity - reserved);
        else users.install(version, quantity);
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
        if (l?.kind === 'full' && !l.over && l.notAfter + returnAfter <= time) end(l, 'returned');
        else wrong('I1', `a CAL was returned that was not due: license ${r.licenseId}`);
        return;
      }
      case 'license-revoked':
        return revoke(r);
      case 'devices-merged':
        return merge(r);
      case 'merge-undone':
        return undoMerge(r);
      case 'relearned':
        return relearn(r);
      case 'user-recorded':
        return users.record(r, context());
      case 'user-extended':
        return users.extend(r, context());
      case 'user-dropped':
        return users.drop(r, context());
      case 'refused':
        if (r.code !== 'NO_LICENSE_AVAILABLE') return;
        if (r.mode === 'per-device' ? anyFree(r.version) : anySeat(r.version))
          wrong('I6', 'refused with a CAL free');
        return;
    }
  };

  return {
    licenses: licenses as ReadonlyMap<string, Readonly<AuditedLicense>>,
    packs: packs as ReadonlyMap<string, Readonly<AuditedPack>>,
    anyFree,
    anySeat,
    holderOf,
    /** The ends of a user's entries, by the version of the CALs they count against. */
    endsOf: users.endsOf,
    perUser: (): PerUserMode => perUser,
    time: (): number => time,
    fold: (records: readonly LedgerRecord[], at: number, place: number): void => {
      sequence = place;
      if (at < time) wrong('I11', 'ledger time went back');
      for (const counts of [temporaries, revoked]) counts.prune(time, at);
      time = Math.max(time, at);
      for (const r of records) apply(r);
      users.endBatch();
    },
    serves: (l: Readonly<AuditedLicense>, version: ProductVersion, now: number): boolean =>
      !l.over && l.notAfter > now && newEnough(l.version, version),
    /** Full licenses past their end and the hour after it whose CAL is not returned, and users past their end; looks at all. */
    due: (now: number): number => {
      let n = 0;
      for (const l of licenses.values())
        if (l.kind === 'full' && !l.over && l.notAfter + returnAfter <= now) n += 1;
      n += users.due(now);
      return n;
    },
    /** The counts of every pool that has packs or temporary licenses, oldest version first. */
    pools: (): AuditedPool[] =>
      productVersions.flatMap((version) =>
        (['per-device', 'per-user'] as const).flatMap((mode) => {
          const own = [...packs.values()].filter((p) => p.version === version && p.mode === mode);
          const perDevice = mode === 'per-device';
          const of = (counts: readonly number[]): number => counts[age(version)] ?? 0;
          const sum = (what: (p: AuditedPack) => number): number => own.reduce((n, p) => n + what(p), 0);
          const temporary = perDevice ? temporaries.total(version) : 0;
          const some = {
            revoked: perDevice ? revoked.total(version) : 0,
            reserved: sum((p) => p.reserved),
            withheld: sum((p) => p.withheld),
            deficit: perDevice ? of(deficit) : 0,
          };
          const installed = sum((p) => p.quantity);
          const held = perDevice ? sum((p) => p.held) : users.recorded(version);
          const issued = held + some.deficit;
          if (installed === 0 && issued === 0 && temporary === 0 && some.revoked === 0) return [];
          const shown = Object.fromEntries(Object.entries(some).filter(([, n]) => n > 0));
          const available = installed - held - some.reserved - some.withheld;
          return [{ version, mode, installed, issued, available, temporary, ...shown }];
        }),
      ),
  };
};
export type AuditedState = ReturnType<typeof createAuditedState>;
