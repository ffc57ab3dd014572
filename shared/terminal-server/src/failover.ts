// Chooses among several license servers: which one to ask, and which one issued a license.

import { fault, FaultError, faultOf, faults } from '@calbus/contracts/faults';
import type { LicenseClaims } from '@calbus/contracts/license';
import type { LicenseCheck } from '@calbus/licenses/verifier';
import { createBoundedCache } from '@calbus/runtime/bounded-cache';
import type { Decision } from './request-client.ts';
import type { ModedRequest, LicenseServer } from './license-server.ts';
import type { TrustSnapshot } from './domain/trust-snapshot.ts';

export type LicenseServers = {
  readonly all: readonly LicenseServer[];
  /** The trust snapshot of the first license server that has sent one. Its settings are in force. */
  readonly trust: () => TrustSnapshot | null;
  /** See LicenseVerifier. A license counts if it counts for one of the license servers. */
  readonly check: (license: string) => LicenseCheck;
  readonly checkFor: (license: string, hardwareId: string, mode: string) => LicenseCheck;
  /**
   * The decision of the first reachable license server, beginning with the issuer of the presented license. The request carries a log-on
   * that this license server has not confirmed yet. Rejects with the FaultError of the first license server.
   */
  readonly request: (request: ModedRequest, withUnconfirmedLogOn: boolean) => Promise<Decision>;
  /** Reports a log-on to the license server that issued the license; to all of them if the issuer is unknown. */
  readonly logOn: (licenseId: string, hardwareId: string) => Promise<Decision>;
  /** Called when a client was admitted on this license without a request. */
  readonly admittedOffline: (license: string, claims: LicenseClaims) => void;
};

/** A request gets at least this time. */
const MIN_TIMEOUT_MS = 100;
const MAX_KNOWN_ISSUERS = 10_000;

const isRefused = async (decision: Promise<Decision>): Promise<boolean> => {
  const { outcome } = await decision.catch(() => ({ outcome: { kind: 'refused' } }));
  return outcome.kind === 'refused';
};

/** Adds a log-on of the device that the license server has not confirmed yet. */
const withLogOn = (s: LicenseServer, request: ModedRequest): ModedRequest => {
  const hardwareId = request.device.hardwareId.toLowerCase();
  const logOn = s.state.now().logOns.find((l) => l.hardwareId === hardwareId);
  return logOn && request.validatedLicenseId === undefined
    ? { ...request, validatedLicenseId: logOn.licenseId }
    : request;
};

export const createFailover = (
  all: readonly LicenseServer[],
  waitsMs: number,
  monotonic: () => number,
): LicenseServers => {
  const issuers = createBoundedCache<string, LicenseServer>(MAX_KNOWN_ISSUERS);
  /** The best of several verdicts on a license: valid, else a reason other than "unknown", else "unknown". */
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
  return {
    all,
    trust: () => all.find((s) => s.state.now().trust !== null)?.state.now().trust ?? null,
    check,
    checkFor: (license, hardwareId, mode) => firstOf((s) => s.verifier.checkFor(license, hardwareId, mode)),
    request: async (request, withUnconfirmedLogOn) => {
      const until = monotonic() + waitsMs;
      const order = orderFor(request.presented);
      let first: FaultError | undefined;
      for (const [n, s] of order.entries()) {
        const left = n === 0 ? waitsMs : Math.floor(until - monotonic());
        if (left < MIN_TIMEOUT_MS) break;
        // The license servers that follow get half of the time left, unless all of them are known to be away.
        const more = order.slice(n + 1).some((other) => !other.link.gone());
        const timeoutMs = more ? Math.max(MIN_TIMEOUT_MS, Math.floor(left / 2)) : left;
        const sent = withUnconfirmedLogOn ? withLogOn(s, request) : request;
        try {
          const decision = await s.request(sent, timeoutMs);
          const { outcome } = decision;
          if (outcome.kind === 'license') {
            issuers.set(outcome.licenseId, s);
            if (withUnconfirmedLogOn && sent.validatedLicenseId !== undefined)
              s.reports.logOnConfirmed(sent.validatedLicenseId);
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
      const decisions = (known ? [known] : all).map((s) => s.reports.logOn(licenseId, hardwareId));
      await Promise.allSettled(decisions);
      for (const d of decisions) if (!(await isRefused(d))) return d;
      return decisions[0] ?? Promise.reject(new FaultError(fault('UNREACHABLE')));
    },
    admittedOffline: (license, claims) => {
      const s = issuers.get(claims.jti);
      const generation = s?.state.now().trust?.generation;
      if (s && generation !== undefined && claims.generation !== generation)
        s.reports.readmit(license, claims, generation);
    },
  };
};
