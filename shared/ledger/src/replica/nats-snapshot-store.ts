// Snapshots in a JetStream stream that keeps the last message of each subject. It has four slots: three snapshots and the one that is
// being written. A replica claims a slot by changing its manifest on the revision that it read, so that two replicas never write to
// the same slot. The slot holds a snapshot again when the manifest is stored, after all pieces.

import type { JetStreamClient, JetStreamManager, NatsConnection } from 'nats';
import { z } from 'zod';
import { jetStreamErrorOf, undefinedIfMissing } from '@calbus/runtime/jetstream-error';
import { readLastValue } from '@calbus/runtime/last-value';
import { instant, sha256, token } from '../records.ts';
import type { SnapshotManifest, SnapshotStore } from './snapshot-store.ts';

const WRONG_LAST_SEQUENCE = 10071;
const SLOTS = 4;
const MAX_SNAPSHOTS = 3;
const TIMEOUT_MS = 5_000;
/** Pieces requested ahead. */
const READ_AHEAD = 4;

const count = z.int().min(0);
const manifestSchema = z.object({
  format: count,
  foldVersion: count,
  generation: token,
  sequence: z.int().min(1),
  hash: sha256,
  term: count,
  time: instant,
  digest: sha256,
  pieces: z.int().min(1).max(1_000_000),
  bytes: count,
  writtenBy: token,
  countersignedBy: z.array(token),
  disputedBy: z.array(token),
});
type StoredManifest = z.infer<typeof manifestSchema>;

/** `stored` is undefined if the slot holds no complete snapshot. */
type Slot = {
  readonly slot: number;
  readonly revision: number;
  readonly stored: StoredManifest | undefined;
};

export type SnapshotSubjects = {
  readonly manifest: (slot: number) => string;
  readonly piece: (slot: number, n: number) => string;
};

export type NatsSnapshotOptions = {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly stream: string;
  readonly subjects: SnapshotSubjects;
};

const decodeManifest = (bytes: Uint8Array): StoredManifest | undefined => {
  try {
    return manifestSchema.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data;
  } catch {
    return undefined; // foreign bytes: an empty slot
  }
};

/** By ledger time: sequences restart with a new ledger. Last is the empty slot whose manifest is the oldest. */
const newestFirst = (a: Slot, b: Slot): number =>
  (b.stored?.time ?? -1) - (a.stored?.time ?? -1) ||
  (b.stored?.sequence ?? 0) - (a.stored?.sequence ?? 0) ||
  b.revision - a.revision;

const isOf = (stored: StoredManifest | undefined, m: SnapshotManifest): stored is StoredManifest =>
  stored?.generation === m.generation && stored.sequence === m.sequence && stored.writtenBy === m.writtenBy;

const createSlots = ({ js, jsm, stream, subjects }: NatsSnapshotOptions) => {
  const readSlot = async (slot: number): Promise<Slot> => {
    const last_by_subj = subjects.manifest(slot);
    const message = await undefinedIfMissing(jsm.streams.getMessage(stream, { last_by_subj }));
    return { slot, revision: message?.seq ?? 0, stored: message && decodeManifest(message.data) };
  };
  const list = async (): Promise<Slot[]> =>
    (await Promise.all(Array.from({ length: SLOTS }, (_, slot) => readSlot(slot)))).sort(newestFirst);
  return {
    list,
    find: async (m: SnapshotManifest): Promise<(Slot & { stored: StoredManifest }) | undefined> => {
      for (const slot of await list()) {
        const { stored } = slot;
        if (isOf(stored, m)) return { ...slot, stored };
      }
      return undefined;
    },
    /** The new revision; undefined if the manifest changed since it was read. */
    put: async ({ slot, revision }: Slot, value: unknown): Promise<number | undefined> => {
      try {
        const expect = { lastSubjectSequence: revision };
        const options = { expect, timeout: TIMEOUT_MS };
        const ack = await js.publish(subjects.manifest(slot), JSON.stringify(value), options);
        return ack.seq;
      } catch (error) {
        if (jetStreamErrorOf(error)?.errCode === WRONG_LAST_SEQUENCE) return undefined;
        throw error;
      }
    },
  };
};

export const natsSnapshotStore = (o: NatsSnapshotOptions): SnapshotStore => {
  const { nc, js, stream, subjects } = o;
  const slots = createSlots(o);
  const readPiece = async (slot: number, n: number): Promise<Uint8Array> => {
    const found = await readLastValue(nc, stream, subjects.piece(slot, n), TIMEOUT_MS);
    if (!found) throw new Error(`piece ${n} of a snapshot is missing`);
    return found;
  };
  return {
    list: async () => {
      const complete = (await slots.list()).flatMap((s) => s.stored ?? []);
      return complete.slice(0, MAX_SNAPSHOTS).map(({ pieces: _pieces, ...manifest }) => manifest);
    },
    async *read(manifest) {
      const found = await slots.find(manifest);
      if (!found) throw new Error('the snapshot is not there any more');
      const { slot, stored } = found;
      const ahead: Promise<Uint8Array>[] = [];
      for (let n = 0; n < stored.pieces; n += 1) {
        while (ahead.length < READ_AHEAD && n + ahead.length < stored.pieces) {
          const next = readPiece(slot, n + ahead.length);
          next.catch(() => undefined); // awaited, and failing, in its turn
          ahead.push(next);
        }
        const first = ahead.shift();
        if (first) yield await first;
      }
    },
    write: async (content, manifestOf) => {
      const oldest = (await slots.list()).at(-1);
      if (!oldest) return false;
      const claimed = await slots.put(oldest, { taken: true });
      if (claimed === undefined) return false;
      let pieces = 0;
      let bytes = 0;
      for await (const data of content) {
        await js.publish(subjects.piece(oldest.slot, pieces), data, { timeout: TIMEOUT_MS });
        pieces += 1;
        bytes += data.length;
      }
      const manifest = { ...manifestOf(), pieces, bytes };
      return (await slots.put({ ...oldest, revision: claimed }, manifest)) !== undefined;
    },
    mark: async (manifest, verdict, replica) => {
      for (;;) {
        const found = await slots.find(manifest);
        if (!found) return false;
        const { stored } = found;
        if (stored[verdict].includes(replica)) return true;
        const marked = { ...stored, [verdict]: [...stored[verdict], replica] };
        if ((await slots.put(found, marked)) !== undefined) return true;
      }
    },
  };
};
