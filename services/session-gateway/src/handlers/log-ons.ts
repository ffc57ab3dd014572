// Log-ons behind the gateway: who waits for one, and a report of one.

import { whoLoggedOn, type LogOn, type Waiting } from '../domain/log-ons.ts';
import type { Licensing, Temporary } from '../ports.ts';

type Client = Waiting & { readonly temporary: Temporary | null };

export type LogOns = {
  /** A client is being relayed; what is returned is called when it is gone. */
  readonly await: (client: Client) => () => void;
  /** True where it was clear whose log-on it is. */
  readonly reported: (logOn: LogOn) => boolean;
};

/** Clients with a full license wait, too: a report by name could mean them. */
export const createLogOns = (licensing: Pick<Licensing, 'validated'>): LogOns => {
  const waiting = new Set<Client>();
  return {
    await: (client) => {
      waiting.add(client);
      return () => void waiting.delete(client);
    },
    reported: (logOn) => {
      const client = whoLoggedOn([...waiting], logOn);
      if (!client) return false;
      waiting.delete(client);
      if (client.temporary) licensing.validated(client.temporary);
      return true;
    },
  };
};
