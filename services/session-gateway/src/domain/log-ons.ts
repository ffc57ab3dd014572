// Whose log-on is it? A terminal server reports that a user has logged on, and from where where it knows (xrdp since 0.10:
// PAM_RHOST). Without that there is only the name: then it counts where one client alone can be meant.

export type WaitingClient = {
  /** The address from which the gateway connected to the server; null where that is not its own alone. */
  readonly address: string | null;
  /** As the client said it before logging on; empty where it is typed in later. */
  readonly user: string;
};

export type LogOnReport = { readonly user: string; readonly address: string | null };

const sameUser = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/** The one client that this log-on was of; undefined where there is none or where it could be several. */
export const matchLogOn = <W extends WaitingClient>(
  waiting: readonly W[],
  logOn: LogOnReport,
): W | undefined => {
  const meant = (w: W): boolean =>
    logOn.address === null ? w.user === '' || sameUser(w.user, logOn.user) : w.address === logOn.address;
  const [first, ...others] = waiting.filter(meant);
  return others.length === 0 ? first : undefined;
};
