// A snapshot as bytes, one line an entry, and its digest: the exclusive or of the hashes of all lines, so that it is the
// same in whatever order they come.

import { hash } from 'node:crypto';
import {
  entriesOf,
  createStateRestorer,
  type RestoredState,
  type FrozenState,
} from '../state/snapshot-entries.ts';

const CHUNK_BYTES = 256 * 1_024;
const TAB = 0x09;
const NEWLINE = 0x0a;

export type Digest = { readonly add: (line: string | Uint8Array) => void; readonly value: () => string };

export const newDigest = (): Digest => {
  const sum = new Uint8Array(32);
  return {
    add: (line) => {
      // A character for each byte: a buffer for each of millions of lines takes three times as long.
      const of = hash('sha256', line, 'binary');
      for (let i = 0; i < sum.length; i += 1) sum[i] = (sum[i] ?? 0) ^ of.charCodeAt(i);
    },
    value: () => Buffer.from(sum).toString('hex'),
  };
};

/** The content, in pieces that each take a few milliseconds to make; the digest is complete after the last. */
export function* chunksOf(still: FrozenState, digest: Digest): Generator<Uint8Array> {
  let lines: string[] = [];
  let size = 0;
  for (const [table, key, value] of entriesOf(still)) {
    const line = `${table}\t${key}\t${value}`;
    digest.add(line);
    lines.push(line);
    size += line.length + 1;
    if (size < CHUNK_BYTES) continue;
    yield Buffer.from(`${lines.join('\n')}\n`);
    lines = [];
    size = 0;
  }
  if (lines.length > 0) yield Buffer.from(`${lines.join('\n')}\n`);
}

/** Puts a state together again; rejects where the content is not a snapshot's. */
export const restore = async (content: AsyncIterable<Uint8Array>, digest: Digest): Promise<RestoredState> => {
  const { take, restored } = createStateRestorer();
  let rest: Uint8Array = new Uint8Array();
  for await (const chunk of content) {
    const bytes =
      rest.length > 0
        ? Buffer.concat([rest, chunk])
        : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let from = 0;
    for (let to = bytes.indexOf(NEWLINE); to >= 0; to = bytes.indexOf(NEWLINE, from)) {
      const keyAt = bytes.indexOf(TAB, from) + 1;
      const valueAt = bytes.indexOf(TAB, keyAt) + 1;
      if (keyAt === 0 || valueAt === 0 || valueAt > to) throw new Error('a line is no entry');
      digest.add(bytes.subarray(from, to));
      // Each is cut from the bytes by itself: a part of a string would keep the whole of it in memory.
      take([
        bytes.toString('utf8', from, keyAt - 1),
        bytes.toString('utf8', keyAt, valueAt - 1),
        bytes.toString('utf8', valueAt, to),
      ]);
      from = to + 1;
    }
    rest = bytes.subarray(from);
  }
  if (rest.length > 0) throw new Error('the last line is cut off');
  return restored();
};
