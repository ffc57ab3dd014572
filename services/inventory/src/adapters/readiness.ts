// When a replica of inventory can do its job: it reads the ledger, to its end, and somebody leads.

import type { Clock } from '@calbus/runtime/clock';
import {
  inventoryProblem,
  leaderProblem,
  type LeaderTracker,
} from '@calbus/inventory-client/leader-heartbeat';
import { connectionProblem } from '@calbus/runtime/nats';
import type { Readiness } from '@calbus/runtime/readiness';
import type { BaseState } from '../state/state.ts';
import type { Leadership } from '../handlers/leadership.ts';
import type { Cache } from '../ports.ts';

/** A replica that has not read the ledger for so long does not follow it. */
const MAX_FOLLOW_AGE_MS = 5_000;

export type ReadyDeps = {
  readonly readiness: Readiness;
  readonly state: BaseState;
  readonly leadership: Leadership;
  readonly beacon: LeaderTracker;
  readonly cache: Pick<Cache, 'status'>;
  readonly storageNearlyFull: () => boolean;
  readonly isUp: () => boolean;
  readonly isLedgerUp: () => boolean;
  readonly replica: string;
  readonly clock: Clock;
};

export const registerReadiness = (d: ReadyDeps): void => {
  const { readiness, state, leadership, clock } = d;
  const role = (): string => (leadership.leading() ? 'leader' : leadership.loss() ? 'loss' : 'standby');
  const follows = (): boolean => {
    const at = leadership.followedAt();
    return role() !== 'standby' || (at !== undefined && clock.monotonic() - at < MAX_FOLLOW_AGE_MS);
  };
  readiness.needs('nats', connectionProblem(d.isUp));
  readiness.needs('ledger-connection', connectionProblem(d.isLedgerUp));
  readiness.needs('ledger', () =>
    follows() ? undefined : 'The ledger could not be read to its end for seconds: see the log.',
  );
  readiness.needs('inventory', () => inventoryProblem(d.beacon));
  // An operator must act, for which this replica has to be reached: no reason to take it out of service.
  readiness.shows('leader', () => leaderProblem(d.beacon));
  readiness.shows('redis', () =>
    d.cache.status() === 'current'
      ? undefined
      : 'The live counts in Redis are not those of the ledger: start Redis, or read its log. Licenses are issued all the same.',
  );
  readiness.shows('storage', () =>
    d.storageNearlyFull()
      ? 'The ledger has used 90 % of its storage, and no new temporary licenses are issued: give it more.'
      : undefined,
  );
  readiness.fact('replica', () => d.replica);
  readiness.fact('role', role);
  readiness.fact('term', () => state.head.term);
  readiness.fact('sequence', () => state.head.sequence);
};
