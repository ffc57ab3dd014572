// The heartbeat of the inventory leader.

import { z } from 'zod';
import { contract } from './envelope.ts';
import { generation, instant, sha256, token } from './tokens.ts';

export const leaderHeartbeat = contract(
  'inventory.head',
  1,
  'Four times a second: who leads, and how far the ledger is.',
  z.object({
    term: z.int().min(1),
    replica: token,
    generation,
    sequence: z.int().min(0),
    hash: sha256,
    time: instant,
    /** Changes whenever the trust snapshot would. */
    trustRevision: z.int().min(0),
    /** How many lives the ledger has had, this one included: one more with each loss that was accepted. Absent: 1. */
    life: z.int().min(1).optional(),
    /** `loss`: something of the ledger is lost, so this replica takes no commands but an operator's. Absent: it leads. */
    standing: z.enum(['leading', 'loss']).optional(),
  }),
  4_096,
);
