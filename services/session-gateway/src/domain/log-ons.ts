// Finds the client of a reported log-on. A terminal server reports the user, and the address if it knows it (xrdp since 0.10:
// PAM_RHOST). Without an address the report counts only if exactly one client matches the user.

export type WaitingClient = {
  /** The source address of the gateway's connection to the server; null if other connections share it. */
  readonly address: string | null;
  /** From Client Info; empty if the user types it in later. */
  readonly user: string;
};

export type LogOnReport = { readonly user: string; readonly address: string | null };

const sameUser = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/** The client of this log-on; undefined if no client matches, or several do. */
export const matchLogOn = <W extends WaitingClient>(
  waiting: readonly W[],
  logOn: LogOnReport,
): W | undefined => {
  const matches = (w: W): boolean =>
    logOn.address === null ? w.user === '' || sameUser(w.user, logOn.user) : w.address === logOn.address;
  const [first, ...others] = waiting.filter(matches);
  return others.length === 0 ? first : undefined;
};
