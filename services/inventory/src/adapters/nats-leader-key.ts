// The leader's key: one value in a bucket, changed only on the revision that was read.

import type { JetStreamClient, JetStreamManager } from 'nats';
import { z } from 'zod';
import { streams } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import { token } from '@calbus/contracts/tokens';
import { jetStreamErrorOf } from '@calbus/runtime/jetstream-error';
import { streamConfig } from '@calbus/runtime/stream-config';
import type { LeaderClaim, LeaderKey } from '../ports.ts';

/** JetStream's code for "the last sequence is another". */
const WRONG_LAST_SEQUENCE = 10071;
const NO_MESSAGE = 10037;
const NO_STREAM = 10059;

const claimSchema = z.object({ replica: token, term: z.int().min(0), released: z.boolean() });

const claimOf = (bytes: Uint8Array): LeaderClaim | undefined => {
  try {
    return claimSchema.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data;
  } catch {
    return undefined; // not ours: as good as no claim, and overwritten on its revision
  }
};

export const natsLeaderKey = (js: JetStreamClient, jsm: JetStreamManager): LeaderKey => ({
  read: async () => {
    try {
      const stored = await jsm.streams.getMessage(streams.leader.name, { last_by_subj: subjects.leader });
      return { revision: stored.seq, claim: claimOf(stored.data) };
    } catch (error) {
      const code = jetStreamErrorOf(error)?.errCode;
      if (code === NO_MESSAGE) return { revision: 0, claim: undefined };
      if (code !== NO_STREAM) throw error;
      // Someone has deleted it.
      const { config } = await jsm.streams.info(streams.ledger.name);
      await jsm.streams.add(streamConfig(streams.leader, config.num_replicas));
      return { revision: 0, claim: undefined };
    }
  },
  write: async (claim, revision) => {
    try {
      const ack = await js.publish(subjects.leader, JSON.stringify(claim), {
        expect: { lastSubjectSequence: revision },
        timeout: 1_000,
      });
      return ack.seq;
    } catch (error) {
      if (jetStreamErrorOf(error)?.errCode === WRONG_LAST_SEQUENCE) return undefined;
      throw error;
    }
  },
});
