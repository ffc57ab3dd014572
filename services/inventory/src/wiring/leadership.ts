// The election: from here on this replica may lead.

import { countDeadLetters, natsDeadLetters } from '@calbus/runtime/dead-letters';
import { createEndpoints } from '@calbus/runtime/endpoints';
import type { ServiceContext } from '@calbus/runtime/service';
import { serveLoss, serveTerm } from '../adapters/serve.ts';
import { systemRandom } from '../adapters/system-random.ts';
import type { Config } from '../config.ts';
import { pace, startLeadership } from '../handlers/leadership.ts';
import { keepSnapshots } from '../handlers/snapshots.ts';
import type { Connections } from './connections.ts';
import type { OpenedLedger } from './ledger.ts';
import type { Projections } from './projections.ts';

/** Reads the ledger to its end first. */
export const joinElection = async (
  c: Config,
  { clock, log, metrics, signal, onStop }: ServiceContext,
  { nc }: Connections,
  opened: OpenedLedger,
  { cache, decisionLog, putEvent, counts }: Projections,
  replica: string,
) => {
  const { follower, watch, store, storage } = opened;
  const { state } = follower;
  const dead = natsDeadLetters(nc.jetstream(), 'inventory', clock, log, countDeadLetters(metrics));
  const own = { replica, watch, roots: [c.clearinghouseRootFile], decided: decisionLog.append };
  const serving = { nc, clock, log, dead, endpoints: createEndpoints(), ...own };
  await follower.catchUp();
  follower.takeVoids(); // VOID messages from before the start are no news
  const leadership = startLeadership({
    ...opened,
    cache,
    clock,
    dice: systemRandom,
    log,
    replica,
    signal,
    pace,
    putEvent,
    counts,
    storageNearlyFull: storage.nearlyFull,
    onLead: (leading) => serveTerm(serving, state, leading),
    onLoss: (loss) => serveLoss(serving, state, loss),
  });
  onStop('leadership', () => leadership.ended);
  const isLeader = (): boolean => leadership.leading() !== undefined;
  const snapshots = keepSnapshots({ store, follower, clock, log, replica, isLeader, signal });
  onStop('snapshots', () => snapshots);
  const clockSuspect = () => (isLeader() ? watch.look(state.head.time) : []);
  return { leadership, isLeader, clockSuspect, serving };
};

export type Election = Awaited<ReturnType<typeof joinElection>>;
