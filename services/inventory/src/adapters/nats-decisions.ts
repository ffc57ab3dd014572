// What decisions saw, in a JetStream stream that forgets after 30 days.

import type { JetStreamClient, JetStreamManager } from 'nats';
import { streams } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import { orMissing } from '@calbus/runtime/jetstream-error';
import type { DecisionStore } from '../ports.ts';
import type { StreamReader } from './stream-reader.ts';

const PUT_TIMEOUT_MS = 2_000;
/** Whoever asks for an explanation waits 3 s. */
const READ_MS = 2_500;
/** Messages fetched at once: of the largest ones about 13 MB. */
const AT_ONCE = 64;

export const natsDecisions = (
  js: JetStreamClient,
  jsm: JetStreamManager,
  read: StreamReader,
  signal: AbortSignal,
): DecisionStore => {
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
    // Those at the beginning may be forgotten by the time.
    read: (from, to) =>
      read(name, { from, to, atOnce: AT_ONCE }, AbortSignal.any([signal, AbortSignal.timeout(READ_MS)])),
  };
};
