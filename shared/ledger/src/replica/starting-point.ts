// Where a replica starts: from the newest good snapshot, countersigned ones first, or from the first message of the stream.

import { errorFacts, type Log } from '@calbus/runtime/log';
import { hashOf } from '../batch-codec.ts';
import type { RecordLike } from '../records.ts';
import type { LedgerState, StateMachine } from '../state-machine.ts';
import type { LedgerStream } from './ledger-stream.ts';
import { newDigest, readSnapshot, type RestoredState } from './snapshot-content.ts';
import type { SnapshotManifest, SnapshotStore } from './snapshot-store.ts';

type Machine<State extends LedgerState> = Pick<
  StateMachine<State, RecordLike>,
  'restorer' | 'foldVersion' | 'snapshotFormat'
>;
type Reader = Pick<LedgerStream, 'readFrom'>;

/** Whether the stream has the very batch that the snapshot ends with: not one of another history, nor beyond the end. */
const isOfStream = async (stream: Reader, m: SnapshotManifest): Promise<boolean> => {
  for await (const { sequence, bytes } of stream.readFrom(m.sequence))
    return sequence === m.sequence && hashOf(bytes) === m.hash;
  return false;
};

/** The state in it; rejects with a sentence if it cannot be used. */
const openSnapshot = async <State extends LedgerState>(
  machine: Machine<State>,
  store: SnapshotStore,
  stream: Reader,
  m: SnapshotManifest,
): Promise<RestoredState<State>> => {
  if (m.format !== machine.snapshotFormat) throw new Error(`its format is ${m.format}`);
  if (m.foldVersion !== machine.foldVersion) throw new Error(`its fold version is ${m.foldVersion}`);
  if (m.disputedBy.length > 0) throw new Error('another replica disputes it');
  if (!(await isOfStream(stream, m))) throw new Error('it is not of this ledger');
  const digest = newDigest();
  const restored = await readSnapshot(machine, store.read(m), digest);
  if (digest.value() !== m.digest) throw new Error('its content is not what was written');
  const { head } = restored.state;
  const same = (['generation', 'sequence', 'hash', 'term', 'time'] as const).every((k) => head[k] === m[k]);
  if (!same) throw new Error('its content is of another batch than its manifest says');
  return restored;
};

const byPreference = (a: SnapshotManifest, b: SnapshotManifest): number =>
  Number(b.countersignedBy.length > 0) - Number(a.countersignedBy.length > 0) || b.sequence - a.sequence;

/** Undefined if there is no good snapshot. */
export const findStartingPoint = async <State extends LedgerState>(
  machine: Machine<State>,
  store: SnapshotStore,
  stream: Reader,
  log: Log,
): Promise<RestoredState<State> | undefined> => {
  let all: readonly SnapshotManifest[] = [];
  try {
    all = await store.list();
  } catch (error) {
    log.warn(errorFacts(error), 'the snapshots cannot be read');
  }
  for (const m of all.toSorted(byPreference)) {
    const facts = { sequence: m.sequence, countersigned: m.countersignedBy.length };
    try {
      const restored = await openSnapshot(machine, store, stream, m);
      log.info(facts, 'starting from a snapshot');
      return restored;
    } catch (error) {
      log.warn({ ...facts, ...errorFacts(error) }, 'a snapshot is not used');
    }
  }
  return undefined;
};
