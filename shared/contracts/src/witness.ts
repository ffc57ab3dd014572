// Witnesses of the ledger: each remembers how far the ledger was. If a witness remembers more than the ledger has now, a part is lost.

import { z } from 'zod';
import { generation, instant, sha256 } from './tokens.ts';

/** The ledger's head, as it was seen at some time. `time` is the ledger's own. */
export const ledgerWitness = z.object({
  generation,
  sequence: z.int().min(0),
  hash: sha256,
  time: instant,
});
export type LedgerWitness = z.infer<typeof ledgerWitness>;

/** Where inventory asks. `memory` is what the replica itself had read before the ledger changed under it; `restore` is a backup that is put back, or waited for. */
export const witnessNames = ['redis', 'file', 'liaison', 'memory', 'restore'] as const;
export type WitnessName = (typeof witnessNames)[number];

/** What a witness says against the ledger. The list only grows. */
export const lossReasons = {
  ahead: 'It has seen more of this ledger than there is.',
  'other-hash': 'It has seen another message at this place.',
  'unknown-generation': 'It has seen a ledger that this one knows nothing of.',
  activated: 'This license server was activated, and the ledger is empty.',
  'awaits-backup': 'It is set to wait for a backup (CALBUS_AWAIT_RESTORE), and the ledger is empty.',
  'half-restored': 'A backup was put back only in part.',
} as const;
export type LossReason = keyof typeof lossReasons;

export const lossEvidence = z.object({
  from: z.enum(witnessNames),
  why: z.enum(Object.keys(lossReasons) as [LossReason, ...LossReason[]]),
  /** Null where the license server's activation is the witness. */
  saw: ledgerWitness.nullable(),
});
export type LossEvidence = z.infer<typeof lossEvidence>;

/** The most of them that are shown and kept. */
export const MAX_EVIDENCE = 64;
