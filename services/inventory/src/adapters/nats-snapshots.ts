// Snapshots in a JetStream stream that keeps the last message of each subject. Four places: three snapshots, and the one that
// is being written. A place is taken by changing its manifest on the revision that was read, so that two
// replicas never write to the same one; it holds a snapshot again when the manifest is stored, after all pieces.

import type { JetStreamClient, JetStreamManager, NatsConnection } from 'nats';
import { z } from 'zod';
import { streams } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import { generation, instant, sha256, token } from '@calbus/contracts/tokens';
import { jetStreamErrorOf, undefinedIfMissing } from '@calbus/runtime/jetstream-error';
import { readLastValue } from '@calbus/runtime/last-value';
import type { SnapshotManifest, SnapshotStore } from '../ports.ts';

const WRONG_LAST_SEQUENCE = 10071;
const PLACES = 4;
const KEPT = 3;
const TIMEOUT_MS = 5_000;
/** Pieces asked for at once. */
const READ_AHEAD = 4;

const count = z.int().min(0);
const manifestSchema = z.object({
  format: count,
  foldVersion: count,
  generation,
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
type Stored = z.infer<typeof manifestSchema>;

/** `stored` is undefined where there is no complete snapshot. */
type Place = { readonly place: number; readonly revision: number; readonly stored: Stored | undefined };

const opened = (bytes: Uint8Array): Stored | undefined => {
  try {
    return manifestSchema.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data;
  } catch {
    return undefined; // not ours: an empty place
  }
};

export const natsSnapshots = (
  nc: NatsConnection,
  js: JetStreamClient,
  jsm: JetStreamManager,
): SnapshotStore => {
  const stream = streams.snapshots.name;

  const placeAt = async (place: number): Promise<Place> => {
    const last_by_subj = subjects.snapshot.manifest(place);
    const message = await undefinedIfMissing(jsm.streams.getMessage(stream, { last_by_subj }));
    return { place, revision: message?.seq ?? 0, stored: message && opened(message.data) };
  };
  /** Newest first, by ledger time: sequences begin anew with a new ledger. Then those without a snapshot, of which the last is the one that nobody took or was taken longest ago. */
  const places = async (): Promise<Place[]> =>
    (await Promise.all(Array.from({ length: PLACES }, (_, place) => placeAt(place)))).sort(
      (a, b) =>
        (b.stored?.time ?? -1) - (a.stored?.time ?? -1) ||
        (b.stored?.sequence ?? 0) - (a.stored?.sequence ?? 0) ||
        b.revision - a.revision,
    );

  /** The new revision; undefined where the manifest was changed since. */
  const put = async ({ place, revision }: Place, value: unknown): Promise<number | undefined> => {
    try {
      const expect = { lastSubjectSequence: revision };
      const ack = await js.publish(subjects.snapshot.manifest(place), JSON.stringify(value), {
        expect,
        timeout: TIMEOUT_MS,
      });
      return ack.seq;
    } catch (error) {
      if (jetStreamErrorOf(error)?.errCode === WRONG_LAST_SEQUENCE) return undefined;
      throw error;
    }
  };

  const piece = async (place: number, n: number): Promise<Uint8Array> => {
    const found = await readLastValue(nc, stream, subjects.snapshot.piece(place, n), TIMEOUT_MS);
    if (!found) throw new Error(`piece ${n} of a snapshot is missing`);
    return found;
  };

  const find = async (m: SnapshotManifest): Promise<(Place & { stored: Stored }) | undefined> => {
    for (const p of await places()) {
      const { stored } = p;
      if (
        stored?.generation === m.generation &&
        stored.sequence === m.sequence &&
        stored.writtenBy === m.writtenBy
      )
        return { ...p, stored };
    }
    return undefined;
  };

  return {
    list: async () => {
      const complete = (await places()).flatMap((p) => p.stored ?? []);
      return complete.slice(0, KEPT).map(({ pieces: _pieces, ...manifest }) => manifest);
    },
    async *read(manifest) {
      const found = await find(manifest);
      if (!found) throw new Error('the snapshot is not there any more');
      const { place, stored } = found;
      const ahead: Promise<Uint8Array>[] = [];
      for (let n = 0; n < stored.pieces; n += 1) {
        while (ahead.length < READ_AHEAD && n + ahead.length < stored.pieces) {
          const next = piece(place, n + ahead.length);
          next.catch(() => undefined); // it is awaited, and fails, in its turn
          ahead.push(next);
        }
        const first = ahead.shift();
        if (first) yield await first;
      }
    },
    write: async (content, manifestOf) => {
      const oldest = (await places()).at(-1);
      if (!oldest) return false;
      const taken = await put(oldest, { taken: true });
      if (taken === undefined) return false;
      let pieces = 0;
      let bytes = 0;
      for await (const data of content) {
        await js.publish(subjects.snapshot.piece(oldest.place, pieces), data, { timeout: TIMEOUT_MS });
        pieces += 1;
        bytes += data.length;
      }
      const manifest: Stored = { ...toStored(manifestOf()), pieces, bytes };
      return (await put({ ...oldest, revision: taken }, manifest)) !== undefined;
    },
    mark: async (manifest, as, replica) => {
      for (;;) {
        const found = await find(manifest);
        if (!found) return false;
        const { stored } = found;
        if (stored[as].includes(replica)) return true;
        if ((await put(found, { ...stored, [as]: [...stored[as], replica] })) !== undefined) return true;
      }
    },
  };
};

const toStored = (m: Omit<SnapshotManifest, 'bytes'>): Omit<Stored, 'pieces' | 'bytes'> => ({
  ...m,
  countersignedBy: [...m.countersignedBy],
  disputedBy: [...m.disputedBy],
});
