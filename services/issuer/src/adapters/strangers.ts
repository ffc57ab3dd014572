// Keys that are not known here. Another issuer may have signed with a key that is a moment old: of whom a look that began well after the
// first meeting has found nothing is a stranger, and nobody is before.

/** For so long a look may miss what another issuer has found: the beacon that tells of it comes four times a second. */
const BEHIND_MS = 500;
/** Whoever shows ever new keys makes none of these wait. */
const MOST = 1_000;
/** A message is not in the queue for longer. */
const KEPT_MS = 60_000;

export type Strangers = {
  /** Keys and certificates are as they were published after `since` (monotonic). */
  readonly looked: (since: number) => void;
  readonly isStranger: (kid: string, now: number) => boolean;
};

export const createStrangers = (): Strangers => {
  const met = new Map<string, number>();
  let lookedSince = -Infinity;
  return {
    looked: (since) => {
      lookedSince = since;
      for (const [kid, at] of met) if (since - at > KEPT_MS) met.delete(kid);
    },
    isStranger: (kid, now) => {
      const at = met.get(kid);
      if (at !== undefined) return lookedSince - at >= BEHIND_MS;
      if (met.size >= MOST) return true;
      met.set(kid, now);
      return false;
    },
  };
};
