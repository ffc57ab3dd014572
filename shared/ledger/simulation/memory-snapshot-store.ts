import type { SnapshotManifest, SnapshotStore } from '../src/replica/snapshot-store.ts';

const MAX_SNAPSHOTS = 3;

const isSame = (a: SnapshotManifest, b: SnapshotManifest): boolean =>
  a.generation === b.generation && a.sequence === b.sequence && a.writtenBy === b.writtenBy;

/** A snapshot store for several replicas in one process. */
export const memorySnapshotStore = (): SnapshotStore => {
  let snapshots: { manifest: SnapshotManifest; pieces: readonly Uint8Array[] }[] = [];
  return {
    list: async () => snapshots.map((s) => s.manifest),
    async *read(manifest) {
      await Promise.resolve();
      const found = snapshots.find((s) => isSame(s.manifest, manifest));
      if (!found) throw new Error('the snapshot is not there any more');
      yield* found.pieces;
    },
    write: async (content, manifestOf) => {
      const pieces: Uint8Array[] = [];
      for await (const piece of content) pieces.push(piece);
      const bytes = pieces.reduce((n, p) => n + p.length, 0);
      snapshots = [{ manifest: { ...manifestOf(), bytes }, pieces }, ...snapshots]
        .sort(({ manifest: a }, { manifest: b }) => b.time - a.time || b.sequence - a.sequence)
        .slice(0, MAX_SNAPSHOTS);
      return true;
    },
    mark: async (manifest, verdict, replica) => {
      const found = snapshots.find((s) => isSame(s.manifest, manifest));
      if (found)
        found.manifest = {
          ...found.manifest,
          [verdict]: [...new Set([...found.manifest[verdict], replica])],
        };
      return found !== undefined;
    },
  };
};
