// What decisions saw, in a JetStream stream that forgets after 30 days, or beyond its size. Packed by zstd, since decisions are much
// alike: a twelfth of the size, for less than nats-server takes to store the rest.

import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { JetStreamClient, JetStreamManager } from 'nats';
import { inventoryDecisionFacts } from '@calbus/contracts/explain-messages';
import { streams } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import { undefinedIfMissing } from '@calbus/runtime/jetstream-error';
import type { DecisionStore } from '../ports.ts';
import type { StreamReader } from './stream-reader.ts';

const PUT_TIMEOUT_MS = 2_000;
/** Whoever asks for an explanation waits 3 s. */
const READ_MS = 2_500;
/** Messages fetched at once: of the largest ones about 5 MB. */
const AT_ONCE = 256;
/** The first bytes of what is packed. JSON begins otherwise, which is how earlier versions stored it. */
const PACKED = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

const pack = (bytes: Uint8Array): Uint8Array =>
  zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });

/** What cannot be unpacked, or is larger then than any message, is left as it is: whoever opens it finds that it is none. */
export const unpack = (bytes: Uint8Array): Uint8Array => {
  if (!PACKED.equals(bytes.subarray(0, PACKED.byteLength))) return bytes;
  try {
    return zstdDecompressSync(bytes, { maxOutputLength: inventoryDecisionFacts.maxBytes });
  } catch {
    return bytes;
  }
};

export const natsDecisions = (
  js: JetStreamClient,
  jsm: JetStreamManager,
  read: StreamReader,
  signal: AbortSignal,
): DecisionStore => {
  const { name } = streams.decisions;
  return {
    put: async (bytes, id) => {
      await js.publish(subjects.decisionFacts, pack(bytes), { msgID: id, timeout: PUT_TIMEOUT_MS });
    },
    extent: async () => {
      const info = await undefinedIfMissing(jsm.streams.info(name));
      if (!info || info.state.messages === 0) return undefined;
      const { first_seq: first, last_seq: last, bytes } = info.state;
      return { first, last, bytes };
    },
    // Those at the beginning may be forgotten by the time.
    async *read(from, to) {
      const until = AbortSignal.any([signal, AbortSignal.timeout(READ_MS)]);
      for await (const { sequence, bytes } of read(name, { from, to, atOnce: AT_ONCE }, until))
        yield { sequence, bytes: unpack(bytes) };
    },
  };
};
