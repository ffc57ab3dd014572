// Witnesses have seen how far the ledger was. If one of them has seen more than there is now, a part of the ledger is lost.

import { z } from 'zod';
import { instant, sha256, token } from '../records.ts';

export const ledgerWitness = z.object({
  generation: token,
  sequence: z.int().min(0),
  hash: sha256,
  /** Ledger time. */
  time: instant,
});
/** A head of the ledger, as a witness saw it. */
export type LedgerWitness = z.infer<typeof ledgerWitness>;

export type Testimony = {
  readonly seen: readonly LedgerWitness[];
  /** Names of facts that the ledger has once recorded, which it cannot lack now. */
  readonly facts?: readonly string[];
};

export type WitnessSource = {
  readonly name: string;
  /** Rejects if the witness cannot be reached now. */
  readonly ask: () => Promise<Testimony>;
};

/** The witness that belongs to this replica. */
export type OwnWitness = WitnessSource & {
  /** Replaces the stored value, whole or not at all. Rejects if it cannot be written. */
  readonly save: (witness: LedgerWitness) => Promise<void>;
};

/**
 * What a witness proves: it saw more of this generation (`ahead`), another batch at a place (`other-hash`), or a generation that the
 * ledger does not know. `half-restored` and `awaits-backup` come from a restore. Any other reason is the name of a missing fact.
 */
export type LossEvidence = {
  /** The witness; `memory` is what this replica itself had read, `restore` is a restore that is not complete. */
  readonly from: string;
  readonly why: string;
  /** Null if no head is the evidence. */
  readonly saw: LedgerWitness | null;
};
