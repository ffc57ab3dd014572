// A message of the ledger is one batch of records, as JSON. This file has the frame of a batch, and the two kinds of record that the
// ledger writes itself. All other kinds belong to the state machine.

import { z } from 'zod';

/** An id that is safe in a subject, a key and a log line. */
export const token = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);
/** SHA-256 as lower-case hex. */
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
/** Milliseconds since 1970 UTC. */
export const instant = z.int().min(0).max(8_640_000_000_000_000);
const person = z
  .string()
  .min(1)
  .max(256)
  // oxlint-disable-next-line no-control-regex -- refusing control characters is the purpose
  .regex(/^[^\u0000-\u001f\u007f-\u009f]*$/);

export const ledgerPoint = z.object({ generation: token, sequence: z.int().min(0), hash: sha256 });
/** One batch of one generation, proven by its hash. */
export type LedgerPoint = z.infer<typeof ledgerPoint>;

/** The first record of a generation. */
export const generationStarted = z.object({
  kind: z.literal('generation-started'),
  /** The last batch of the generation before that survives; null if none does. */
  after: ledgerPoint.nullable(),
  /** After an accepted loss: how far witnesses had seen each generation, and who accepted the loss. */
  lost: z.array(ledgerPoint).optional(),
  by: person.optional(),
  why: z.string().max(500).optional(),
});
/** The first record of a term. */
export const leadershipTaken = z.object({ kind: z.literal('leadership-taken'), replica: token });

export type LedgerRecord = z.infer<typeof generationStarted> | z.infer<typeof leadershipTaken>;

/** Records of a state machine have a kind of their own. */
export type RecordLike = { readonly kind: string };

export type Batch<R extends RecordLike> = {
  format: 1;
  generation: string;
  term: number;
  /** Tells a leader that this stored batch is its own. */
  nonce: string;
  /** SHA-256 of the bytes of the last valid batch; NO_HASH before the first. */
  prevHash: string;
  /** Ledger time: never less than that of the batch before. */
  at: number;
  records: (R | LedgerRecord)[];
};

/** The schema of a batch. `record` takes the two kinds above, too. */
export const batchSchema = <R extends RecordLike>(record: z.ZodType<R | LedgerRecord>) =>
  z.object({
    format: z.literal(1),
    generation: token,
    term: z.int().min(1),
    nonce: token,
    prevHash: sha256,
    at: instant,
    records: z.array(record).min(1),
  });

export const NO_HASH = '0'.repeat(64);

/** An encoded batch stays below this; the stream refuses larger messages. */
export const MAX_BATCH_BYTES = 262_144;
