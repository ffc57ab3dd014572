// For tests: an independent model of the ledger. It folds records by its own plain rules, shares none with `decide` or
// `evolve`, and says which of these a record or a state breaks:
// I1 installed = free + held, in each pool; a CAL returns once, when it is due. I2 a CAL is taken only if one was free.
// I3 a device has at most one live full license that serves a version. I4 a request id has one outcome for ten minutes.
// I5 what was decided has a record. I6 NO_LICENSE_AVAILABLE only if no CAL that serves is free. I7 one temporary license
// per device and version. I9 Per User changes no count. I11 ledger time never decreases.

import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { LicensingMode } from '@calbus/contracts/tokens';
import { productVersions, type ProductVersion } from '@calbus/contracts/versions';
import { HOUR } from './settings.ts';

export type ModelLicense = {
  readonly kind: 'temporary' | 'full';
  readonly hardwareId: string;
  readonly version: ProductVersion;
  readonly keyPackId: string | null;
  readonly notAfter: number;
  readonly validated: boolean;
  /** Ended by a record; a license past its end holds its CAL until it is returned. */
  readonly over: boolean;
};

type ModelPack = {
  readonly version: ProductVersion;
  readonly mode: LicensingMode;
  readonly quantity: number;
};
type Refused = Extract<LedgerRecord, { kind: 'refused' }> & { readonly at: number };

const newEnough = (version: ProductVersion, wanted: ProductVersion): boolean =>
  productVersions.indexOf(version) >= productVersions.indexOf(wanted);

export const newModel = (wrong: (what: string) => void) => {
  const packs = new Map<string, ModelPack>();
  const licenses = new Map<string, ModelLicense>();
  const refusals = new Map<number, Refused>();
  let time = 0;
  let certificateUntil = -1;

  const held = (keyPackId: string): number =>
    [...licenses.values()].filter((l) => l.keyPackId === keyPackId && !l.over).length;

  /** Whether a CAL that serves this version is free. */
  const anyFree = (version: ProductVersion): boolean =>
    [...packs].some(
      ([id, p]) => p.mode === 'per-device' && newEnough(p.version, version) && held(id) < p.quantity,
    );

  /** A temporary license is counted until the hour of its end is over. */
  const inItsHour = (notAfter: number): boolean => Math.floor(notAfter / HOUR) >= Math.floor(time / HOUR);

  const change = (licenseId: string, how: Partial<ModelLicense>, allowed: (l: ModelLicense) => boolean) => {
    const l = licenses.get(licenseId);
    if (l && allowed(l)) licenses.set(licenseId, { ...l, ...how });
    return l !== undefined && allowed(l);
  };

  const apply = (r: LedgerRecord, sequence: number): void => {
    switch (r.kind) {
      case 'generation-started':
      case 'leadership-taken':
        return;
      case 'activated':
        certificateUntil = r.certificateNotAfter;
        return;
      case 'pack-installed':
        packs.set(r.keyPackId, r);
        return;
      case 'temporary-issued': {
        const { hardwareId, version, notAfter } = r;
        const had = [...licenses.values()].some(
          (l) => l.kind === 'temporary' && l.hardwareId === hardwareId && l.version === version,
        );
        if (had) wrong(`I7: a second temporary license for ${version}`);
        const rest = { keyPackId: null, validated: false, over: false };
        licenses.set(r.licenseId, { kind: 'temporary', hardwareId, version, notAfter, ...rest });
        return;
      }
      case 'full-issued': {
        const { hardwareId, version, keyPackId, notAfter } = r;
        const pack = packs.get(keyPackId);
        if (pack?.mode !== 'per-device' || pack.version !== version) wrong('I2: a CAL of no such pack');
        if (held(keyPackId) >= (pack?.quantity ?? 0)) wrong('I2: a CAL was taken and none was free');
        if (certificateUntil < time) wrong('I2: a CAL was taken while not activated');
        for (const old of r.supersedes) {
          const ended = change(old, { over: true }, (l) => l.hardwareId === hardwareId && !l.over);
          if (!ended) wrong('I1: a license was superseded that was not held');
        }
        const rest = { validated: false, over: false };
        licenses.set(r.licenseId, { kind: 'full', hardwareId, version, keyPackId, notAfter, ...rest });
        return;
      }
      case 'renewed': {
        const { notAfter } = r;
        const live = (l: ModelLicense) => l.kind === 'full' && !l.over && l.notAfter > time;
        if (certificateUntil < time) wrong('I2: a CAL was renewed while not activated');
        if (!change(r.licenseId, { notAfter }, live)) wrong('I1: a license was renewed that was not live');
        return;
      }
      case 'validated': {
        const live = (l: ModelLicense) => l.kind === 'temporary' && !l.over && l.notAfter > time;
        if (!change(r.licenseId, { validated: true }, live)) wrong('I5: validated what was not live');
        return;
      }
      case 'returned': {
        const due = (l: ModelLicense) => l.kind === 'full' && !l.over && l.notAfter + HOUR <= time;
        if (!change(r.licenseId, { over: true }, due)) wrong('I1: a CAL was returned that was not due');
        return;
      }
      case 'refused':
        if (r.code === 'NO_LICENSE_AVAILABLE' && anyFree(r.version)) wrong('I6: refused with a CAL free');
        refusals.set(sequence, { ...r, at: time });
        return;
    }
  };

  return {
    licenses,
    refusals,
    anyFree,
    fold: (records: readonly LedgerRecord[], sequence: number, at: number): void => {
      if (at < time) wrong('I11: ledger time went back');
      time = Math.max(time, at);
      for (const r of records) apply(r, sequence);
    },
    serves: (l: ModelLicense, version: ProductVersion, now: number): boolean =>
      !l.over && l.notAfter > now && newEnough(l.version, version),
    /** Whether a full license is past its end and the hour after it, and its CAL not returned. */
    anyDue: (now: number): boolean =>
      [...licenses.values()].some((l) => l.kind === 'full' && !l.over && l.notAfter + HOUR <= now),
    /** Devices with two live full licenses; every version serves 2000, so two of any version are one too many. */
    twiceLicensed: (now: number): boolean => {
      const live = [...licenses.values()].filter((l) => l.kind === 'full' && !l.over && l.notAfter > now);
      return new Set(live.map((l) => l.hardwareId)).size < live.length;
    },
    /** The same pools as the service counts, counted one by one. */
    pools: () =>
      productVersions.flatMap((version) =>
        (['per-device', 'per-user'] as const).flatMap((mode) => {
          const own = [...packs].filter(([, p]) => p.version === version && p.mode === mode);
          const installed = own.reduce((n, [, p]) => n + p.quantity, 0);
          const issued = own.reduce((n, [id]) => n + held(id), 0);
          const temporary = [...licenses.values()].filter(
            (l) =>
              mode === 'per-device' &&
              l.kind === 'temporary' &&
              l.version === version &&
              !l.over &&
              inItsHour(l.notAfter),
          ).length;
          const shown = own.length > 0 || temporary > 0;
          return shown
            ? [{ version, mode, installed, issued, available: installed - issued, temporary }]
            : [];
        }),
      ),
  };
};
