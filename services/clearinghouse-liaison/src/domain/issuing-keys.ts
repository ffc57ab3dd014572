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

/** The license server's certificate of the Clearinghouse. */
export type ServerCertificate = { readonly pem: string; readonly notAfter: number };

/** A little before its end already, so that there is a key of the other kind when it comes. */
export const isOver = (certificate: ServerCertificate, now: number): boolean =>
  now > certificate.notAfter - HOUR;

/** `certificate`: null before activation. While it is over, keys stand under one of our own, for temporary licenses. */
export const planKeys = (
  keys: readonly IssuingKey[],
  epoch: number,
  now: number,
  certificate: ServerCertificate | null = null,
): KeyPlan => {
  // What a clock made that was far ahead is certified for a time to come.
  const current = (k: IssuingKey): boolean => k.notBefore <= now;
  const rank = (k: IssuingKey): number => (current(k) ? 1 : 0);
  const sorted = [...keys].sort(
    (a, b) => rank(b) - rank(a) || b.madeAt - a.madeAt || (a.kid < b.kid ? -1 : 1),
  );
  const newest = sorted.find(current);
  const isCertified = (k: IssuingKey): boolean => certificate !== null && k.chain[1] === certificate.pem;
  const mayCertify = certificate !== null && !isOver(certificate, now);
  const renew =
    !newest ||
    newest.epoch !== epoch ||
    now - newest.madeAt >= NEW_KEY_EACH_MS ||
    isCertified(newest) !== mayCertify;
  // A license that was issued while it was in date is given again under it.
  const lastCertified = sorted.find((k) => current(k) && isCertified(k));
  const isKept = (k: IssuingKey): boolean => k === newest || k === lastCertified;
  const ended = (k: IssuingKey): boolean => !isKept(k) && now > k.notAfter + LICENSE_LIFE_MS;
  const listed = sorted
    .filter((k) => !ended(k))
    .map((k, i) => {
      const usable = i < PRIVATE_KEPT && current(k) && k.epoch === epoch && now <= k.notAfter;
      return usable || isKept(k) ? k : { ...k, sealed: null };
    });
  return { renew, listed, dropped: sorted.filter(ended) };
};
