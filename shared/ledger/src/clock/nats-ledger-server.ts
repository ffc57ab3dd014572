// The used storage of the ledger's stream and the clock of the NATS server.

import type { JetStreamManager } from 'nats';
import { z } from 'zod';
import type { LedgerServer } from './ledger-server.ts';

/** The server's clock in its answer: 2.10 and later. */
const stamped = z.object({ ts: z.string().transform((text) => Date.parse(text)) });

/** `clockOffset`: milliseconds by which this replica's clock is moved for a trial. The server's clock is moved by the same. */
export const natsLedgerServer = (jsm: JetStreamManager, stream: string, clockOffset = 0): LedgerServer => ({
  inspect: async () => {
    const info = await jsm.streams.info(stream);
    const { max_bytes } = info.config;
    const time = stamped.safeParse(info).data?.ts;
    return {
      used: max_bytes > 0 ? info.state.bytes / max_bytes : undefined,
      time: time !== undefined && Number.isFinite(time) ? time + clockOffset : undefined,
    };
  },
});
