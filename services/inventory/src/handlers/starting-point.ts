// Where a replica starts: the newest snapshot that is good, countersigned ones first, or the beginning of the ledger.

import { errorFacts, type Log } from '@calbus/runtime/log';
import { FOLD_VERSION } from '../state/fold.ts';
import { SNAPSHOT_FORMAT, type RestoredState } from '../state/snapshot-entries.ts';
import type { Ledger, SnapshotManifest, SnapshotStore } from '../ports.ts';
import { hashOf } from './chain.ts';
import { newDigest, restore } from './snapshot-bytes.ts';

/** Whether the ledger has the very batch that the snapshot ends with: not a snapshot of another life, nor from beyond the end. */
const isOfLedger = async (ledger: Ledger, m: SnapshotManifest): Promise<boolean> => {
  for await (const entry of ledger.readFrom(m.sequence)) {
    return entry.sequence === m.sequence && hashOf(entry.bytes) === m.hash;
  }
  return false;
};

/** The state in it; throws a sentence where it cannot be used. */
const open = async (store: SnapshotStore, ledger: Ledger, m: SnapshotManifest): Promise<RestoredState> => {
  if (m.format !== SNAPSHOT_FORMAT)
    throw new Error(`its format is ${m.format}, and this release reads format ${SNAPSHOT_FORMAT}`);
  if (m.foldVersion !== FOLD_VERSION)
    throw new Error(`its fold version is ${m.foldVersion}, and that of this release is ${FOLD_VERSION}`);
  if (m.disputedBy.length > 0) throw new Error('another replica came to another state');
  if (!(await isOfLedger(ledger, m))) throw new Error('it is not of this ledger');
  const digest = newDigest();
  const restored = await restore(store.read(m), digest);
  if (digest.value() !== m.digest) throw new Error('its content is not what was written');
  const { head } = restored.state;
  const same = (['generation', 'sequence', 'hash', 'term', 'time'] as const).every((k) => head[k] === m[k]);
  if (!same) throw new Error('it says to be of another place than it is');
  return restored;
};

const better = (a: SnapshotManifest, b: SnapshotManifest): number =>
  Number(b.countersignedBy.length > 0) - Number(a.countersignedBy.length > 0) || b.sequence - a.sequence;

/** Undefined where there is no good snapshot. */
export const startingPoint = async (
  store: SnapshotStore,
  ledger: Ledger,
  log: Log,
): Promise<RestoredState | undefined> => {
  let all: readonly SnapshotManifest[] = [];
  try {
    all = await store.list();
  } catch (error) {
    log.warn(errorFacts(error), 'the snapshots cannot be read');
  }
  for (const m of all.toSorted(better)) {
    const facts = { sequence: m.sequence, countersigned: m.countersignedBy.length };
    try {
      const restored = await open(store, ledger, m);
      log.info(facts, 'starting from a snapshot');
      return restored;
    } catch (error) {
      log.warn({ ...facts, ...errorFacts(error) }, 'a snapshot is not used');
    }
  }
  return undefined;
};
