// Decides which licenses count here, by issuing keys, licenses that ended early, and the highest epoch seen (N1, N2).

import { isDeepStrictEqual } from 'node:util';
import { fault, FaultError } from '@calbus/contracts/faults';
import { licensesIn, type ReceivedDecisions } from '@calbus/contracts/received-decisions';
import { UNACTIVATED, type LicenseClaims } from '@calbus/contracts/license';
import { openJws } from '@calbus/licenses/jws';
import { createVerifier, type LicenseCheck, type LicenseTrust } from '@calbus/licenses/verifier';
import type { Decision } from './request-client.ts';
import { epochSeen, isOfEarlierEpoch } from './domain/epochs.ts';
import { earlierKeys, trustAfter, type TrustSnapshot } from './domain/trust-snapshot.ts';
import type { ServerState } from './persisted-state.ts';
import type { Environment } from './environment.ts';

export type LicenseVerifier = {
  /** N1: is it genuine? Does not look at the device. */
  readonly check: (license: string) => LicenseCheck;
  /** N1 and N2 for a license that the device with this hardware id presents. */
  readonly checkFor: (license: string, hardwareId: string, mode: string) => LicenseCheck;
  /** The certificate chain of the key that signed the license, if that key is no longer published. A request carries it with the license. */
  readonly chainFor: (license: string) => string[] | undefined;
  readonly update: (snapshot: TrustSnapshot) => void;
  /** Verifies all licenses of one message by their batch signature. */
  readonly verifyBatch: (all: ReceivedDecisions) => void;
  /** Resolves with the next trust snapshot, or after a timeout. */
  readonly nextSnapshot: () => Promise<void>;
  /** Ends all waits for a trust snapshot. */
  readonly end: () => void;
  /** Resolves with the decision after it verified the license in it. Rejects with INVALID_BODY if the license does not verify. */
  readonly verifyDecision: (d: Decision, hardwareId: string) => Promise<Decision>;
};

const SNAPSHOT_TIMEOUT_MS = 3_000;
const RETRY_DELAY_MS = 250;
const never = new AbortController().signal;

export const createLicenseVerifier = (
  state: ServerState,
  roots: readonly string[],
  askForTrust: () => void,
  { sleep, monotonic }: Pick<Environment, 'sleep' | 'monotonic'>,
): LicenseVerifier => {
  const verifier = createVerifier();
  const waiting = new Set<() => void>();
  let keysOf: TrustSnapshot | null = null;
  let issuing: ReadonlyMap<string, readonly string[]> = new Map();

  const keys = (): ReadonlyMap<string, readonly string[]> => {
    const { trust, earlierKeys: earlier } = state.now();
    if (trust !== keysOf)
      issuing = new Map([...earlier, ...(trust?.issuing ?? [])].map((i) => [i.kid, i.chain]));
    keysOf = trust;
    return issuing;
  };
  const trustNow = (): LicenseTrust => ({
    roots,
    issuing: keys(),
    licenseServerId: state.now().trust?.licenseServerId ?? UNACTIVATED,
  });
  const check = (license: string): LicenseCheck => {
    const { epochs } = state.now();
    const checked = verifier.verify(license, trustNow());
    return checked.ok && isOfEarlierEpoch(epochs, checked.claims)
      ? { ok: false, why: 'it was issued by an earlier copy of the license server' }
      : checked;
  };
  const ended = (c: LicenseClaims): boolean =>
    state.now().trust?.ended.some((e) => e.licenseId === c.jti) ?? false;
  const remember = (c: LicenseClaims): void =>
    void state.change((k) => {
      const epochs = epochSeen(k.epochs, c);
      return epochs === k.epochs ? k : { ...k, epochs };
    });
  const next = (): Promise<void> =>
    new Promise((resolve) => {
      const over = new AbortController();
      const wake = (): void => {
        over.abort();
        waiting.delete(wake);
        resolve();
      };
      waiting.add(wake);
      void sleep(SNAPSHOT_TIMEOUT_MS, over.signal).then(wake);
    });

  return {
    check,
    checkFor: (license, hardwareId, mode) => {
      const checked = check(license);
      if (!checked.ok) return checked;
      const { claims } = checked;
      if (claims.sub !== hardwareId) return { ok: false, why: 'it belongs to another device' };
      if (claims.mode !== mode) return { ok: false, why: 'it belongs to the other licensing mode' };
      if (ended(claims)) return { ok: false, why: 'it was ended early' };
      remember(claims);
      return checked;
    },
    chainFor: (license) => {
      const kid = openJws(license)?.header.kid;
      const found = state.now().earlierKeys.find((k) => k.kid === kid);
      return found && [...found.chain];
    },
    update: (snapshot) => {
      void state.change((k) => {
        const trust = trustAfter(k.trust, snapshot);
        const earlier = earlierKeys(k.earlierKeys, k.trust, trust);
        return isDeepStrictEqual(trust, k.trust) ? k : { ...k, trust, earlierKeys: [...earlier] };
      });
      for (const wake of waiting) wake();
    },
    verifyBatch: ({ decisions, signedTogether }) => {
      if (signedTogether !== undefined)
        verifier.verifyBatch(licensesIn(decisions), signedTogether, trustNow());
    },
    nextSnapshot: next,
    end: () => {
      for (const wake of waiting) wake();
    },
    verifyDecision: async (d, hardwareId) => {
      if (d.outcome.kind !== 'license') return d;
      const { license, licenseId } = d.outcome;
      let result = check(license);
      const until = monotonic() + SNAPSHOT_TIMEOUT_MS;
      // An issuing key may be newer than the trust snapshot here. Ask for snapshots until the timeout before the license is rejected.
      while (!result.ok && monotonic() < until) {
        const snapshot = next();
        askForTrust();
        await snapshot;
        result = check(license);
        if (!result.ok) await sleep(RETRY_DELAY_MS, never);
      }
      if (result.ok && result.claims.jti === licenseId && result.claims.sub === hardwareId) {
        remember(result.claims);
        return d;
      }
      const why = result.ok ? 'it is another license, or of another device, than was decided' : result.why;
      throw new FaultError(fault('INVALID_BODY', `The license that was granted does not verify: ${why}.`));
    },
  };
};
