// Issuing keys that are not known here. Another issuer may have signed with a key that is a moment old. So a key counts as unknown only
// after a refresh of the keys that began well after the first sight of it.

/** A refresh may miss a key that another issuer knows for this time: the leader's heartbeat comes four times a second. */
const MAX_REPLICA_LAG_MS = 500;
/** A sender of ever new keys delays no other request. */
const MAX_KEYS = 1_000;
/** A message is not in the queue for longer. */
const RETENTION_MS = 60_000;

export type UnknownKeys = {
  /** Keys and certificates are as they were published after `since` (monotonic). */
  readonly refreshed: (since: number) => void;
  readonly isUnknown: (kid: string, now: number) => boolean;
};

export const createUnknownKeys = (): UnknownKeys => {
  const met = new Map<string, number>();
  let lookedSince = -Infinity;
  return {
    refreshed: (since) => {
      lookedSince = since;
      for (const [kid, at] of met) if (since - at > RETENTION_MS) met.delete(kid);
    },
    isUnknown: (kid, now) => {
      const at = met.get(kid);
      if (at !== undefined) return lookedSince - at >= MAX_REPLICA_LAG_MS;
      if (met.size >= MAX_KEYS) return true;
      met.set(kid, now);
      return false;
    },
  };
};
