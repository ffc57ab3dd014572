// What decisions saw, in a JetStream stream that forgets after 30 days.

import type { JetStreamClient, JetStreamManager } from 'nats';
import { streams } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import { orMissing } from '@calbus/runtime/jetstream-error';
import type { DecisionStore } from '../ports.ts';

const PUT_TIMEOUT_MS = 2_000;
const FETCH_MS = 2_000;
/** Messages fetched at once: of the largest ones about 13 MB. */
const FETCHED_AT_ONCE = 64;

export const natsDecisions = (js: JetStreamClient, jsm: JetStreamManager): DecisionStore => {
  const { name } = streams.decisions;
  return {
    put: async (bytes, id) => {
      await js.publish(subjects.decisionFacts, bytes, { msgID: id, timeout: PUT_TIMEOUT_MS });
    },
    extent: async () => {
      const info = await orMissing(jsm.streams.info(name));
      if (!info || info.state.messages === 0) return undefined;
      const { first_seq: first, last_seq: last, bytes } = info.state;
      return { first, last, bytes };
    },
    async *read(from, to) {
      const consumer = await js.consumers.get(name, { opt_start_seq: from });
      try {
        let next = from;
        while (next <= to) {
          const before = next;
          const most = Math.min(FETCHED_AT_ONCE, to - next + 1);
          for await (const m of await consumer.fetch({ max_messages: most, expires: FETCH_MS })) {
            // Those at the beginning may have been forgotten in the meantime.
            next = m.seq + 1;
            if (m.seq > to) break;
            yield { sequence: m.seq, bytes: m.data };
          }
          if (next === before) throw new Error('what decisions saw could not be read to its end');
        }
      } finally {
        await consumer.delete();
      }
    },
  };
};
