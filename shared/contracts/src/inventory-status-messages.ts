// The status of an inventory replica.

import { z } from 'zod';
import { contract } from './envelope.ts';
import { perUserMode } from './settings.ts';
import { instant, ledgerPosition, licensingMode, serverId, sha256, token } from './tokens.ts';
import { productVersion } from './versions.ts';
import { MAX_EVIDENCE, lossEvidence } from './witness.ts';

export const poolCounts = z.object({
  version: productVersion,
  mode: licensingMode,
  installed: z.int(),
  issued: z.int(),
  available: z.int(),
  temporary: z.int(),
  /** Licenses that were revoked and are not past their end; absent: none. */
  revoked: z.int().optional(),
  /** CALs kept for licenses that are learned again; absent: none. */
  reserved: z.int().optional(),
  /** Licenses learned again for which there was no CAL; absent: none. */
  deficit: z.int().optional(),
  /** CALs that are withheld while the Clearinghouse decides whether it takes them; absent: 0. */
  withheld: z.int().optional(),
});
export type PoolCounts = z.infer<typeof poolCounts>;

/** What a replica compares its clock with. */
export const clockSources = ['own-elapsed', 'ledger', 'nats', 'replica'] as const;
export type ClockSource = (typeof clockSources)[number];

export const queryStatus = contract(
  'inventory.query.status',
  1,
  'How inventory stands.',
  z.object({}),
  1_024,
);

export const inventoryStatus = contract(
  'inventory.status',
  1,
  'How this replica stands, and what it holds at its position.',
  z.object({
    replica: token,
    role: z.enum(['leader', 'standby', 'starting']),
    term: z.int().min(0),
    position: ledgerPosition,
    hash: sha256,
    ledgerTime: instant,
    activation: z.object({ serverId, epoch: z.int().min(1), certificateNotAfter: instant }).nullable(),
    /** It was deactivated since; absent: it was not. */
    deactivated: z.literal(true).optional(),
    /** It was restored from a backup and not activated again; absent: false. */
    restored: z.literal(true).optional(),
    devices: z.int().min(0),
    licenses: z.object({ temporary: z.int(), full: z.int() }),
    keyPacks: z.int().min(0),
    pools: z.array(poolCounts),
    /** Whether Per User CALs are counted; absent: they are not. */
    perUser: perUserMode.optional(),
    voidMessages: z.int().min(0),
    /** False where the NATS server is older than 2.10: acknowledged licenses can be lost on power failure. */
    durable: z.boolean(),
    /** Behind while Redis is being rebuilt, slow, full or read-only; the counts in it are then those of `cacheAsOf`. */
    cache: z.enum(['current', 'behind', 'unreachable']),
    /** The ledger time at which the live counts are true, as this replica last saw them. */
    cacheAsOf: instant.optional(),
    /** From what the leader's clock departs, and by how many milliseconds; while there is anything, no CAL is returned. */
    clockSuspect: z
      .array(z.object({ source: z.enum(clockSources), departsBy: z.int() }))
      .max(8)
      .optional(),
    /** For trials: by how many milliseconds the replica's clock is moved; absent where it is not. */
    clockOffset: z.int().optional(),
    /** How full the storage of the ledger is, from 0 to 1; absent where it has no limit, or on a standby. */
    storageUsed: z.number().min(0).optional(),
    /** Present while this replica holds the lead and does not use it: what witnesses have seen that the ledger has not. */
    loss: z
      .object({ term: z.int().min(1), evidence: z.array(lossEvidence).min(1).max(MAX_EVIDENCE) })
      .optional(),
  }),
);
