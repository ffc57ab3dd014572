// The last three snapshots in memory: for tests and simulations of several replicas in one process.

import type { SnapshotManifest, SnapshotStore } from '../../../services/inventory/src/ports.ts';

const KEPT = 3;

export const memorySnapshots = (): SnapshotStore => {
  let kept: { manifest: SnapshotManifest; pieces: readonly Uint8Array[] }[] = [];
  const isIt = (a: SnapshotManifest, b: SnapshotManifest): boolean =>
    a.generation === b.generation && a.sequence === b.sequence && a.writtenBy === b.writtenBy;
  return {
    list: async () => kept.map((k) => k.manifest),
    async *read(manifest) {
      await Promise.resolve();
      const found = kept.find((k) => isIt(k.manifest, manifest));
      if (!found) throw new Error('the snapshot is not there any more');
      yield* found.pieces;
    },
    write: async (content, manifestOf) => {
      const pieces: Uint8Array[] = [];
      for await (const piece of content) pieces.push(piece);
      const bytes = pieces.reduce((n, p) => n + p.length, 0);
      kept = [{ manifest: { ...manifestOf(), bytes }, pieces }, ...kept]
        .sort(({ manifest: a }, { manifest: b }) => b.time - a.time || b.sequence - a.sequence)
        .slice(0, KEPT);
      return true;
    },
    mark: async (manifest, as, replica) => {
      const found = kept.find((k) => isIt(k.manifest, manifest));
      if (found) found.manifest = { ...found.manifest, [as]: [...new Set([...found.manifest[as], replica])] };
      return found !== undefined;
    },
  };
};
