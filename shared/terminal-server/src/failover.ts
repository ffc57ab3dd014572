// Several license servers in order: who is asked, and whose a license is.

import { fault, FaultError, faultOf, faults } from '@calbus/contracts/faults';
import type { LicenseClaims } from '@calbus/contracts/license';
import type { LicenseCheck } from '@calbus/licenses/licenses';
import { createBoundedCache } from '@calbus/runtime/bounded-cache';
import type { Decision } from './request-client.ts';
import type { ModedRequest, LicenseServer } from './license-server.ts';
import type { TrustSnapshot } from './domain/trust-snapshot.ts';

export type LicenseServers = {
  readonly all: readonly LicenseServer[];
  /** Of the first that has said anything yet: whose settings the terminal server goes by. */
  readonly trust: () => TrustSnapshot | null;
  /** As of Trusting; a license counts where it counts as one of any of them. */
  readonly check: (license: string) => LicenseCheck;
  readonly checkFor: (license: string, hardwareId: string, mode: string) => LicenseCheck;
  /**
   * The decision of the first that is reachable, beginning with the one that issued what is presented. A log-on that one of them has
   * not confirmed yet goes along to it. Rejects with the FaultError of the first.
   */
  readonly request: (asked: ModedRequest, takeAlong: boolean) => Promise<Decision>;
  /** Reports a log-on to whoever issued the license; where that is not known, to all. */
  readonly logOn: (licenseId: string, hardwareId: string) => Promise<Decision>;
  /** A client was let in without asking on a license of this id. */
  readonly admittedOffline: (license: string, claims: LicenseClaims) => void;
};

/** A request takes no less. */
const MIN_TIMEOUT_MS = 100;
const MAX_KNOWN_ISSUERS = 10_000;

export const createFailover = (all: readonly LicenseServer[], waitsMs: number): LicenseServers => {
  const issuers = createBoundedCache<string, LicenseServer>(MAX_KNOWN_ISSUERS);
  /** Of what several say of a license: that it counts, else why it does not, and rather not that it is unknown. */
  const firstOf = (look: (s: LicenseServer) => LicenseCheck): LicenseCheck => {
    let best: LicenseCheck | undefined;
    for (const s of all) {
      const checked = look(s);
      if (checked.ok) {
        issuers.set(checked.claims.jti, s);
        return checked;
      }
      if (!best || (!best.ok && best.unknown && !checked.unknown)) best = checked;
    }
    return best ?? { ok: false, why: 'there is no license server' };
  };
  const check = (license: string): LicenseCheck => firstOf((s) => s.verifier.check(license));
  const orderFor = (presented: string | undefined): readonly LicenseServer[] => {
    const first = presented === undefined ? undefined : all.find((s) => s.verifier.check(presented).ok);
    return first ? [first, ...all.filter((s) => s !== first)] : all;
  };
  const withLogOn = (s: LicenseServer, asked: ModedRequest): ModedRequest => {
    const hardwareId = asked.device.hardwareId.toLowerCase();
    const logOn = s.state.now().logOns.find((l) => l.hardwareId === hardwareId);
    return logOn && asked.validatedLicenseId === undefined
      ? { ...asked, validatedLicenseId: logOn.licenseId }
      : asked;
  };

  return {
    all,
    trust: () => all.find((s) => s.state.now().trust !== null)?.state.now().trust ?? null,
    check,
    checkFor: (license, hardwareId, mode) => firstOf((s) => s.verifier.checkFor(license, hardwareId, mode)),
    request: async (asked, takeAlong) => {
      const until = performance.now() + waitsMs;
      const order = orderFor(asked.presented);
      let first: FaultError | undefined;
      for (const [n, s] of order.entries()) {
        const left = n === 0 ? waitsMs : Math.floor(until - performance.now());
        if (left < MIN_TIMEOUT_MS) break;
        // Whoever comes after has half of what is left, unless it is known to be away.
        const more = order.slice(n + 1).some((other) => !other.link.gone());
        const waits = more ? Math.max(MIN_TIMEOUT_MS, Math.floor(left / 2)) : left;
        const say = takeAlong ? withLogOn(s, asked) : asked;
        try {
          const decision = await s.request(say, waits);
          const { outcome } = decision;
          if (outcome.kind === 'license') {
            issuers.set(outcome.licenseId, s);
            if (takeAlong && say.validatedLicenseId !== undefined)
              s.reports.logOnConfirmed(say.validatedLicenseId);
          }
          return decision;
        } catch (error) {
          const why = faultOf(error);
          if (!why) throw error;
          first ??= new FaultError(why);
          if (faults[why.code].verdict === 'give-up') break;
        }
      }
      throw first ?? new FaultError(fault('TIMEOUT'));
    },
    logOn: async (licenseId, hardwareId) => {
      const known = issuers.get(licenseId);
      const told = (known ? [known] : all).map((s) => s.reports.logOn(licenseId, hardwareId));
      await Promise.allSettled(told);
      const refused = async (d: Promise<Decision>): Promise<boolean> => {
        const { outcome } = await d.catch(() => ({ outcome: { kind: 'refused' } }));
        return outcome.kind === 'refused';
      };
      for (const d of told) if (!(await refused(d))) return d;
      return told[0] ?? Promise.reject(new FaultError(fault('UNREACHABLE')));
    },
    admittedOffline: (license, claims) => {
      const s = issuers.get(claims.jti);
      const generation = s?.state.now().trust?.generation;
      if (s && generation !== undefined && claims.generation !== generation)
        s.reports.readmit(license, claims, generation);
    },
  };
};
