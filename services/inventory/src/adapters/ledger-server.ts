// What the NATS server says about itself and the ledger: how full its storage is, and what its clock shows.

import type { JetStreamManager } from 'nats';
import { z } from 'zod';
import { streams } from '@calbus/contracts/streams';
import type { LedgerServer } from '../ports.ts';

/** The server's clock in its answer: 2.10 and later. */
const stamped = z.object({ ts: z.string().transform((text) => Date.parse(text)) });

/** `clockOffset`: how far this replica's clock is moved for a trial; NATS' is seen as if it were moved along. */
export const natsLedgerServer = (jsm: JetStreamManager, clockOffset: number): LedgerServer => ({
  look: async () => {
    const info = await jsm.streams.info(streams.ledger.name);
    const { max_bytes } = info.config;
    const time = stamped.safeParse(info).data?.ts;
    return {
      used: max_bytes > 0 ? info.state.bytes / max_bytes : undefined,
      time: time !== undefined && Number.isFinite(time) ? time + clockOffset : undefined,
    };
  },
});
