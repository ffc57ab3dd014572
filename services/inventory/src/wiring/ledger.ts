// The ledger of a replica: its stream, the state that follows it, its witnesses, its clock and its storage.

import type { ServiceContext } from '@calbus/runtime/service';
import { natsLedgerServer } from '../adapters/ledger-server.ts';
import { natsLeaderKey } from '../adapters/nats-leader-key.ts';
import { natsLedger } from '../adapters/nats-ledger.ts';
import { natsRestoreMark } from '../adapters/nats-restore-mark.ts';
import { natsSnapshots } from '../adapters/nats-snapshots.ts';
import { streamReader } from '../adapters/stream-reader.ts';
import { systemRandom } from '../adapters/system-random.ts';
import { witnessFile } from '../adapters/witness-file.ts';
import { liaisonAsWitness, redisWitness } from '../adapters/witness-sources.ts';
import type { Config } from '../config.ts';
import { watchClock } from '../handlers/clock-watch.ts';
import { createFollower } from '../handlers/follow.ts';
import { createRestoring } from '../handlers/restore.ts';
import { startingPoint } from '../handlers/starting-point.ts';
import { watchStorage } from '../handlers/storage-watch.ts';
import { createWitnesses } from '../handlers/witnesses.ts';
import type { Connections } from './connections.ts';

export const openLedger = async (
  c: Config,
  { clock, log, signal, onStop }: ServiceContext,
  { nc, ledgerNc, redis, js, jsm }: Connections,
) => {
  const reader = streamReader(ledgerNc, jsm);
  const ledger = natsLedger(js, jsm, reader, signal);
  const store = natsSnapshots(ledgerNc, js, jsm);
  const from = await startingPoint(store, ledger, log);
  const follower = createFollower(ledger, log, { from, snapshotEvery: c.snapshotEvery });
  const liaison = liaisonAsWitness(nc, clock);
  const sources = [redisWitness(redis), liaison];
  const file = c.dataDir === undefined ? undefined : witnessFile(c.dataDir, log);
  const witnesses = createWitnesses({ ledger, follower, sources, file, clock, log, signal });
  onStop('the file with the head of the ledger', () => witnesses.ended);
  const watch = watchClock(clock, log);
  const storage = watchStorage(natsLedgerServer(jsm, c.clockOffset), watch, clock, log, signal);
  onStop('the storage watch', () => storage.ended);
  const restoring = createRestoring({
    ledger,
    follower,
    mark: natsRestoreMark(js, jsm),
    dice: systemRandom,
    ledgerTime: watch.ledgerTime,
    awaited: c.awaitRestore,
  });
  const key = natsLeaderKey(js, jsm);
  return { reader, ledger, store, follower, liaison, witnesses, watch, storage, restoring, key };
};

export type OpenedLedger = Awaited<ReturnType<typeof openLedger>>;
