// Clients that are being relayed and have not logged on yet, and the reports of log-ons that are matched with them.

import { matchLogOn, type LogOnReport, type WaitingClient } from '../domain/log-ons.ts';
import type { Licensing, TemporaryLicense } from '../ports.ts';

type TrackedClient = WaitingClient & { readonly temporary: TemporaryLicense | null };

export type LogOnTracker = {
  /** Tracks a client that is being relayed. Returns a function that ends this, for when the client disconnects. */
  readonly track: (client: TrackedClient) => () => void;
  /** Returns whether the report matched exactly one client. */
  readonly report: (logOn: LogOnReport) => boolean;
};

/** Tracks clients with a full license, too: a report by name may concern them. */
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
