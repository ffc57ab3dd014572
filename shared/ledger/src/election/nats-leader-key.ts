// The leader's key: one value in a bucket, changed only on the revision that was read.

import type { JetStreamClient, JetStreamManager } from 'nats';
import { z } from 'zod';
import { jetStreamErrorOf } from '@calbus/runtime/jetstream-error';
import { token } from '../records.ts';
import type { LeaderClaim, LeaderKey } from './leader-key.ts';

/** JetStream's codes for: another last sequence, no such message, no such stream. */
const WRONG_LAST_SEQUENCE = 10071;
const NO_MESSAGE = 10037;
const NO_STREAM = 10059;
const WRITE_TIMEOUT_MS = 1_000;

const claimSchema = z.object({ replica: token, term: z.int().min(0), released: z.boolean() });

const decodeClaim = (bytes: Uint8Array): LeaderClaim | undefined => {
  try {
    return claimSchema.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data;
  } catch {
    return undefined; // foreign bytes are no claim, and are overwritten on their revision
  }
};

export type NatsLeaderKeyOptions = {
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly stream: string;
  readonly subject: string;
  /** Creates the stream again after it was deleted. */
  readonly createStream: () => Promise<unknown>;
};

export const natsLeaderKey = ({
  js,
  jsm,
  stream,
  subject,
  createStream,
}: NatsLeaderKeyOptions): LeaderKey => ({
  read: async () => {
    try {
      const stored = await jsm.streams.getMessage(stream, { last_by_subj: subject });
      return { revision: stored.seq, claim: decodeClaim(stored.data) };
    } catch (error) {
      const code = jetStreamErrorOf(error)?.errCode;
      if (code === NO_STREAM) await createStream();
      else if (code !== NO_MESSAGE) throw error;
      return { revision: 0, claim: undefined };
    }
  },
  write: async (claim, revision) => {
    try {
      const ack = await js.publish(subject, JSON.stringify(claim), {
        expect: { lastSubjectSequence: revision },
        timeout: WRITE_TIMEOUT_MS,
      });
      return ack.seq;
    } catch (error) {
      if (jetStreamErrorOf(error)?.errCode === WRONG_LAST_SEQUENCE) return undefined;
      throw error;
    }
  },
});
