// All ports of a replica on one NATS connection.

import type { JetStreamManager, NatsConnection } from 'nats';
import { natsLedgerServer } from './clock/nats-ledger-server.ts';
import { natsLeaderKey } from './election/nats-leader-key.ts';
import type { LedgerPorts } from './ledger-replica.ts';
import { natsRestoreMark } from './recovery/nats-restore-mark.ts';
import { natsLedgerStream } from './replica/nats-ledger-stream.ts';
import { natsSnapshotStore, type SnapshotSubjects } from './replica/nats-snapshot-store.ts';
import { streamReader, type StreamReader } from './replica/stream-reader.ts';

/** Streams and subjects, which must exist. The README says how each stream must be configured. */
export type LedgerNames = {
  readonly ledger: { readonly stream: string; readonly subject: string };
  readonly snapshots: { readonly stream: string; readonly subjects: SnapshotSubjects };
  /** A bucket with two values: the leader's key and the restore mark. */
  readonly leader: { readonly stream: string; readonly key: string; readonly restoreMark: string };
};

export type NatsPortOptions = {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly names: LedgerNames;
  /** Under which this identity may receive. */
  readonly inboxPrefix: string;
  /** Creates the leader's bucket again after it was deleted. */
  readonly createLeaderStream: () => Promise<unknown>;
  /** For trials: milliseconds by which this replica's clock is moved. */
  readonly clockOffset?: number;
  readonly signal: AbortSignal;
};

/** `reader` also reads other streams of the same connection. */
export const natsPorts = (o: NatsPortOptions): LedgerPorts & { readonly reader: StreamReader } => {
  const { nc, jsm, names, signal } = o;
  const { ledger, snapshots, leader } = names;
  const js = nc.jetstream();
  const reader = streamReader(nc, jsm, o.inboxPrefix);
  return {
    reader,
    stream: natsLedgerStream({ js, jsm, read: reader, ...ledger, signal }),
    leaderKey: natsLeaderKey({
      js,
      jsm,
      stream: leader.stream,
      subject: leader.key,
      createStream: o.createLeaderStream,
    }),
    snapshots: natsSnapshotStore({ nc, js, jsm, ...snapshots }),
    restoreMark: natsRestoreMark(js, jsm, leader.stream, leader.restoreMark),
    server: natsLedgerServer(jsm, ledger.stream, o.clockOffset),
  };
};
