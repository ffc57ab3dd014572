// Log-ons behind the gateway: who waits for one, and a report of one.

import { matchLogOn, type LogOnReport, type WaitingClient } from '../domain/log-ons.ts';
import type { Licensing, TemporaryLicense } from '../ports.ts';

type TrackedClient = WaitingClient & { readonly temporary: TemporaryLicense | null };

export type LogOnTracker = {
  /** A client is being relayed; what is returned is called when it is gone. */
  readonly track: (client: TrackedClient) => () => void;
  /** True where it was clear whose log-on it is. */
  readonly report: (logOn: LogOnReport) => boolean;
};

/** Clients with a full license wait, too: a report by name could mean them. */
export const createLogOnTracker = (licensing: Pick<Licensing, 'validated'>): LogOnTracker => {
  const waiting = new Set<TrackedClient>();
  return {
    track: (client) => {
      waiting.add(client);
      return () => void waiting.delete(client);
    },
    report: (logOn) => {
      const client = matchLogOn([...waiting], logOn);
      if (!client) return false;
      waiting.delete(client);
      if (client.temporary) licensing.validated(client.temporary);
      return true;
    },
  };
};
