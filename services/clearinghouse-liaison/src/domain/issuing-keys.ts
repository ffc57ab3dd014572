// Which issuing keys there are at a time: one new each week and at each activation; a certificate stays listed until the last
// license under it has ended.

export type IssuingKey = {
  readonly kid: string;
  /** 0 before activation. */
  readonly epoch: number;
  /** The issuing certificate, then the license server's. */
  readonly chain: readonly string[];
  readonly madeAt: number;
  readonly notBefore: number;
  readonly notAfter: number;
  /** The private key, sealed; null once only the certificate is kept. */
  readonly sealed: string | null;
};

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
export const KEY_LIFE_MS = 14 * DAY;
export const NEW_KEY_EACH_MS = 7 * DAY;
/** Clocks of issuers and of the ledger may be behind ours. */
export const BACKDATED_MS = HOUR;
/** The longest a license lasts (a temporary one: 90 days), and then some. */
const LICENSE_LIFE_MS = 100 * DAY;
/** The present key, and the one before it for issuers that are still at it. */
const PRIVATE_KEPT = 2;

export type KeyPlan = {
  /** A new key is needed now. */
  readonly renew: boolean;
  /** Newest first. */
  readonly listed: readonly IssuingKey[];
  readonly dropped: readonly IssuingKey[];
};

export const planKeys = (keys: readonly IssuingKey[], epoch: number, now: number): KeyPlan => {
  const sorted = [...keys].sort((a, b) => b.madeAt - a.madeAt || (a.kid < b.kid ? -1 : 1));
  const [newest] = sorted;
  const renew = !newest || newest.epoch !== epoch || now - newest.madeAt >= NEW_KEY_EACH_MS;
  const ended = (k: IssuingKey): boolean => k !== newest && now > k.notAfter + LICENSE_LIFE_MS;
  const listed = sorted
    .filter((k) => !ended(k))
    .map((k, i) => {
      const usable = i < PRIVATE_KEPT && k.epoch === epoch && now <= k.notAfter;
      return usable || k === newest ? k : { ...k, sealed: null };
    });
  return { renew, listed, dropped: sorted.filter(ended) };
};
