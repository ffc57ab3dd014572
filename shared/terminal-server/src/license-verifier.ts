// Which licenses count here: who may sign, what was ended early, which epoch is the highest seen (N1, N2).

import { isDeepStrictEqual } from 'node:util';
import { fault, FaultError } from '@calbus/contracts/faults';
import { licensesIn, type ReceivedDecisions } from '@calbus/contracts/received-decisions';
import { UNACTIVATED, type LicenseClaims } from '@calbus/contracts/license';
import { openJws } from '@calbus/licenses/jws';
import { checkLicense, type LicenseCheck, type LicenseTrust } from '@calbus/licenses/licenses';
import { verifyBatch } from '@calbus/licenses/batch-signature';
import type { Decision } from './request-client.ts';
import { epochSeen, isOfEarlierEpoch } from './domain/epochs.ts';
import { earlierKeys, trustAfter, type TrustSnapshot } from './domain/trust-snapshot.ts';
import type { ServerState } from './persisted-state.ts';
import type { Sleep } from './sleep.ts';

export type LicenseVerifier = {
  /** N1, without asking whose license it is. */
  readonly check: (license: string) => LicenseCheck;
  /** N1 and N2 for a license that the device with this hardware id presents. */
  readonly checkFor: (license: string, hardwareId: string, mode: string) => LicenseCheck;
  /** The chain of the key that signed it, where that key is not published any more: to be shown with the license. */
  readonly chainFor: (license: string) => string[] | undefined;
  readonly update: (snapshot: TrustSnapshot) => void;
  /** Verifies at once what one signature vouches for together. */
  readonly verifyBatch: (all: ReceivedDecisions) => void;
  /** Resolves with the next snapshot, or after a while without one. */
  readonly nextSnapshot: () => Promise<void>;
  /** Nobody waits for a snapshot any more. */
  readonly end: () => void;
  /** The decision, once the license in it is verified. Rejects with INVALID_BODY where it does not verify. */
  readonly verifyDecision: (d: Decision, hardwareId: string) => Promise<Decision>;
};

const SNAPSHOT_TIMEOUT_MS = 3_000;
const RETRY_DELAY_MS = 250;
const never = new AbortController().signal;

export const createLicenseVerifier = (
  keeping: ServerState,
  roots: readonly string[],
  askForTrust: () => void,
  sleep: Sleep,
): LicenseVerifier => {
  const waiting = new Set<() => void>();
  let keysOf: TrustSnapshot | null = null;
  let issuing: ReadonlyMap<string, readonly string[]> = new Map();

  const keys = (): ReadonlyMap<string, readonly string[]> => {
    const { trust, earlierKeys: earlier } = keeping.now();
    if (trust !== keysOf)
      issuing = new Map([...earlier, ...(trust?.issuing ?? [])].map((i) => [i.kid, i.chain]));
    keysOf = trust;
    return issuing;
  };
  const trustNow = (): LicenseTrust => ({
    roots,
    issuing: keys(),
    licenseServerId: keeping.now().trust?.licenseServerId ?? UNACTIVATED,
  });
  const check = (license: string): LicenseCheck => {
    const { epochs } = keeping.now();
    const checked = checkLicense(license, trustNow());
    return checked.ok && isOfEarlierEpoch(epochs, checked.claims)
      ? { ok: false, why: 'it was issued by an earlier copy of the license server' }
      : checked;
  };
  const ended = (c: LicenseClaims): boolean =>
    keeping.now().trust?.ended.some((e) => e.licenseId === c.jti) ?? false;
  const remember = (c: LicenseClaims): void =>
    void keeping.change((k) => {
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
      if (claims.sub !== hardwareId) return { ok: false, why: 'it is of another device' };
      if (claims.mode !== mode) return { ok: false, why: 'it is of the other licensing mode' };
      if (ended(claims)) return { ok: false, why: 'it was ended early' };
      remember(claims);
      return checked;
    },
    chainFor: (license) => {
      const kid = openJws(license)?.header.kid;
      const found = keeping.now().earlierKeys.find((k) => k.kid === kid);
      return found && [...found.chain];
    },
    update: (told) => {
      void keeping.change((k) => {
        const trust = trustAfter(k.trust, told);
        const earlier = earlierKeys(k.earlierKeys, k.trust, trust);
        return isDeepStrictEqual(trust, k.trust) ? k : { ...k, trust, earlierKeys: [...earlier] };
      });
      for (const wake of waiting) wake();
    },
    verifyBatch: ({ decisions, signedTogether }) => {
      if (signedTogether !== undefined) verifyBatch(licensesIn(decisions), signedTogether, trustNow());
    },
    nextSnapshot: next,
    end: () => {
      for (const wake of waiting) wake();
    },
    verifyDecision: async (d, hardwareId) => {
      if (d.outcome.kind !== 'license') return d;
      const { license, licenseId } = d.outcome;
      let result = check(license);
      const until = performance.now() + SNAPSHOT_TIMEOUT_MS;
      // It may carry a key we do not know yet, and so may the issuer that is asked next: ask again for a while before saying no.
      while (!result.ok && performance.now() < until) {
        const told = next();
        askForTrust();
        await told;
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
