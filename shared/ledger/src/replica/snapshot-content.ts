// A snapshot as bytes, one line an entry, and its digest: the exclusive or of the hashes of all lines, so that the order of the
// entries does not change it.

import { hash } from 'node:crypto';
import type { RecordLike } from '../records.ts';
import type { FrozenView, LedgerHead, LedgerState, SnapshotEntry, StateMachine } from '../state-machine.ts';

const CHUNK_BYTES = 256 * 1_024;
const TAB = 0x09;
const NEWLINE = 0x0a;
const HEAD_TABLE = 'head';

/** A frozen view of the state after a batch, and how many messages up to there are VOID. */
export type Checkpoint = { readonly view: FrozenView; readonly voids: number };

/** A state that was read from a snapshot. */
export type RestoredState<State> = { readonly state: State; readonly voids: number };

export type Digest = {
  readonly add: (line: string | Uint8Array) => void;
  readonly value: () => string;
};

export const newDigest = (): Digest => {
  const sum = new Uint8Array(32);
  return {
    add: (line) => {
      // One character for each byte: a buffer for each of millions of lines takes three times as long.
      const lineHash = hash('sha256', line, 'binary');
      for (let i = 0; i < sum.length; i += 1) sum[i] = (sum[i] ?? 0) ^ lineHash.charCodeAt(i);
    },
    value: () => Buffer.from(sum).toString('hex'),
  };
};

/** All lines of a checkpoint. */
export function* entriesOf({ view, voids }: Checkpoint): Generator<SnapshotEntry> {
  yield [HEAD_TABLE, '', JSON.stringify({ ...view.head, voids })];
  yield* view.entries();
}

/** The content, in pieces that take a few milliseconds each; the digest is complete after the last. */
export function* snapshotPieces(checkpoint: Checkpoint, digest: Digest): Generator<Uint8Array> {
  let lines: string[] = [];
  let size = 0;
  for (const [table, key, value] of entriesOf(checkpoint)) {
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

/** Splits bytes into entries and tells the digest of each line. Rejects if a line is no entry. */
async function* linesOf(content: AsyncIterable<Uint8Array>, digest: Digest): AsyncGenerator<SnapshotEntry[]> {
  let rest: Uint8Array = new Uint8Array();
  for await (const chunk of content) {
    const bytes =
      rest.length > 0
        ? Buffer.concat([rest, chunk])
        : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const entries: SnapshotEntry[] = [];
    let from = 0;
    for (let to = bytes.indexOf(NEWLINE); to >= 0; to = bytes.indexOf(NEWLINE, from)) {
      const keyAt = bytes.indexOf(TAB, from) + 1;
      const valueAt = bytes.indexOf(TAB, keyAt) + 1;
      if (keyAt === 0 || valueAt === 0 || valueAt > to) throw new Error('a line is no entry');
      digest.add(bytes.subarray(from, to));
      // Each is cut from the bytes by itself: a part of a string would keep the whole string in memory.
      entries.push([
        bytes.toString('utf8', from, keyAt - 1),
        bytes.toString('utf8', keyAt, valueAt - 1),
        bytes.toString('utf8', valueAt, to),
      ]);
      from = to + 1;
    }
    yield entries;
    rest = bytes.subarray(from);
  }
  if (rest.length > 0) throw new Error('the last line is cut off');
}

/** Reads a state from the content of a snapshot. Rejects if the content is not a snapshot's. */
export const readSnapshot = async <State extends LedgerState>(
  machine: Pick<StateMachine<State, RecordLike>, 'restorer'>,
  content: AsyncIterable<Uint8Array>,
  digest: Digest,
): Promise<RestoredState<State>> => {
  const restorer = machine.restorer();
  let head: LedgerHead | undefined;
  let voids = 0;
  for await (const entries of linesOf(content, digest))
    for (const entry of entries) {
      if (entry[0] !== HEAD_TABLE) {
        restorer.add(entry);
        continue;
      }
      ({ voids, ...head } = JSON.parse(entry[2]) as LedgerHead & { voids: number });
    }
  const state = restorer.state();
  if (head) state.head = head;
  return { state, voids };
};
