// Who leads. The key in the leader bucket is only a hint for waiting: what keeps two leaders apart is the expected
// sequence and the hash chain of the ledger. A standby that has seen no change of the key for the takeover time of its own
// clock takes it; its first act is a record in the ledger, and it answers nothing before that is committed.

import type { LossEvidence } from '@calbus/contracts/witness';
import type { EventName } from '@calbus/contracts/events';
import { errorFacts } from '@calbus/runtime/log';
import { alertsIn } from '../projections/alerts.ts';
import type { LeaderKey, LiaisonLink } from '../ports.ts';
import { watchClearinghouse } from '../jobs/clearinghouse-watch.ts';
import { watchClones } from '../jobs/clone-watch.ts';
import type { ClockWatch } from './clock-watch.ts';
import {
  createOperatorEvents,
  type OperatorEvents,
  type OperatorEventsDeps,
} from '../projections/operator-events.ts';
import { begin, type Beginning, type Loss } from './loss.ts';
import { createRefusalCounter, type RefusalCounter } from '../jobs/refusal-counter.ts';
import { isLeadershipLost, runExpiryJob } from '../jobs/expiry-job.ts';
import { createGroupCommit, notLeader, type GroupCommit, type GroupCommitDeps } from './group-commit.ts';
import type { Restoring } from './restore.ts';
import type { Witnesses } from './witnesses.ts';

/** In milliseconds of each replica's own monotonic clock. */
export type Pace = {
  /** A standby that has seen no change of the key for so long takes it. */
  readonly takeover: number;
  readonly heartbeat: number;
  /** Less than half of the takeover time: a leader that was paused has lost its lease before another can lead. */
  readonly lease: number;
};
export const pace: Pace = { takeover: 1_200, heartbeat: 300, lease: 500 };
const FOLLOW_MS = 200;
const EXPIRY_MS = 5_000;
const COUNT_REPEATS_MS = 60_000;

export type Leading = {
  readonly term: number;
  readonly commit: GroupCommit;
  readonly refusalCounter: RefusalCounter;
  readonly events: OperatorEvents;
};

export type LeadershipDeps = Omit<
  GroupCommitDeps,
  'term' | 'generation' | 'lease' | 'onForeignBatch' | 'ledgerTime' | 'onCommitted'
> & {
  readonly key: LeaderKey;
  readonly pace: Pace;
  readonly watch: ClockWatch;
  readonly putEvent: OperatorEventsDeps['put'];
  readonly replica: string;
  readonly signal: AbortSignal;
  readonly witnesses: Witnesses;
  readonly restoring: Restoring;
  readonly liaison: LiaisonLink;
  /** Called where a term cannot begin, since something of the ledger is lost; what it returns is called when that is over. */
  readonly onLoss: (loss: Loss) => () => void;
  /** Called once a term's first record is committed; what it returns is called when the term is over. */
  readonly onLead: (leading: Leading) => () => void;
};

export type Leadership = {
  readonly leading: () => Leading | undefined;
  /** While the lead is held and not used. */
  /** When the ledger was last read to its end by a replica that does not lead, monotonic; undefined before. */
  readonly followedAt: () => number | undefined;
  readonly loss: () => { readonly term: number; readonly evidence: readonly LossEvidence[] } | undefined;
  readonly ended: Promise<void>;
};

export const startLeadership = (deps: LeadershipDeps): Leadership => {
  const { clock, key, follower, replica, log, signal, witnesses } = deps;
  let leading: Leading | undefined;
  let loss: Loss | undefined;
  let followedAt: number | undefined;

  const lead = async (term: number, firstRevision: number): Promise<void> => {
    const over = new AbortController();
    let commit: GroupCommit | undefined;
    // A commit whose fate is not known would else be looked for until the ledger can be read.
    const stop = (): void => {
      over.abort();
      commit?.stop();
    };
    signal.addEventListener('abort', stop, { once: true });
    let revision = firstRevision;
    let leaseUntil = clock.monotonic();
    /** On a slow wire a lease is over before it is known; that nothing new stands in the ledger proves as much. */
    const lease = async (): Promise<void> => {
      while (clock.monotonic() >= leaseUntil) {
        if (over.signal.aborted) throw notLeader();
        const { hash } = follower.state.head;
        try {
          await follower.catchUp();
          if (follower.state.head.hash === hash) return;
          stop();
        } catch (error) {
          log.warn(errorFacts(error), 'the ledger cannot be read; trying again');
          await clock.sleep(20, over.signal);
        }
      }
    };
    const events = createOperatorEvents({ state: follower.state, clock, log, put: deps.putEvent });
    const heartbeat = async (): Promise<void> => {
      let lastGood = clock.monotonic();
      while (!over.signal.aborted) {
        const started = clock.monotonic();
        try {
          const next = await key.write({ replica, term, released: false }, revision);
          if (next === undefined) {
            const seen = await key.read();
            if (seen.claim?.replica !== replica || seen.claim.term !== term) return stop();
            revision = seen.revision; // an earlier write was stored without an answer
          } else {
            revision = next;
            lastGood = started;
            leaseUntil = started + deps.pace.lease;
          }
        } catch (error) {
          log.warn(errorFacts(error), 'the leader key cannot be written');
        }
        if (clock.monotonic() - lastGood > deps.pace.takeover * 2) return stop();
        await clock.sleep(deps.pace.heartbeat, over.signal);
      }
    };

    const tell = (event: EventName, about: string, holds: boolean): void =>
      events.setAlert({ event, about, holds });
    const clockIsSuspect = (ledgerTime: number): boolean => {
      const suspect = deps.watch.look(ledgerTime).length > 0;
      tell('CLOCK_SUSPECT', 'the leader', suspect);
      return suspect;
    };
    const returnCals = async (commit: GroupCommit): Promise<void> => {
      while (!over.signal.aborted) {
        await clock.sleep(EXPIRY_MS, over.signal);
        if (over.signal.aborted) return;
        tell('STORAGE_NEARLY_FULL', 'the ledger', deps.storageNearlyFull());
        tell('CACHE_BEHIND', 'Redis', deps.cache.status() !== 'current');
        for (const at of follower.takeVoids())
          events.raise({ event: 'VOID_RECORD', about: `message ${at} of the ledger` });
        const { state } = follower;
        for (const c of alertsIn(state, deps.watch.ledgerTime(state.head.time))) events.setAlert(c);
        await runExpiryJob({ commit, events, clock, log, clockIsSuspect });
      }
    };

    const repeats = createRefusalCounter();
    const recordRepeats = async (commit: GroupCommit): Promise<void> => {
      while (!over.signal.aborted) {
        await clock.sleep(COUNT_REPEATS_MS, over.signal);
        if (over.signal.aborted) return;
        await commit
          .submit(() => ({ records: repeats.takeRecords(), result: undefined }))
          .catch((error: unknown) => {
            if (isLeadershipLost(error)) throw error;
            log.warn(errorFacts(error), 'repeats of refusals could not be counted');
          });
      }
    };

    const beating = heartbeat();
    let began: Beginning | undefined;
    let end: (() => void) | undefined;
    const onLoss = (found: Loss): (() => void) => {
      loss = found;
      events.raise({ event: 'LEDGER_DAMAGED', about: 'the ledger' });
      const done = deps.onLoss(found);
      return () => {
        loss = undefined;
        done();
      };
    };
    try {
      began = await begin({ ...deps, onLoss }, term, over.signal);
      if (over.signal.aborted) throw notLeader();
      const { generation, records } = began;
      commit = createGroupCommit({
        ...deps,
        term,
        generation,
        lease,
        ledgerTime: deps.watch.ledgerTime,
        onCommitted: events.batchCommitted,
        onForeignBatch: stop,
      });
      await commit.submit(() => ({
        records: [...records, { kind: 'leadership-taken', replica }],
        result: undefined,
      }));
      began.committed(follower.state.head);
      log.info({ term, sequence: follower.state.head.sequence }, 'leading');
      deps.cache.lead();
      leading = { term, commit, refusalCounter: repeats, events };
      end = deps.onLead(leading);
      const duties = [
        returnCals(commit),
        recordRepeats(commit),
        watchClearinghouse(deps.liaison, events, clock, over.signal),
        watchClones(deps.liaison, follower.state, events, clock, over.signal),
        witnesses.watch(over.signal, stop),
      ];
      for (const duty of duties)
        duty.catch((error: unknown) =>
          log.info(errorFacts(error), 'a duty of the leader ended with its term'),
        );
      await new Promise<void>((resolve) => {
        if (over.signal.aborted) resolve();
        else over.signal.addEventListener('abort', () => resolve(), { once: true });
      });
    } catch (error) {
      log.warn({ term, ...errorFacts(error) }, 'could not take the lead');
    } finally {
      stop();
      leading = undefined;
      began?.failed();
      end?.();
      deps.cache.follow();
      signal.removeEventListener('abort', stop);
      await beating;
      log.info({ term }, 'not leading any more');
      if (signal.aborted) {
        await key.write({ replica, term, released: true }, revision).catch(() => undefined);
      }
    }
  };

  const loop = async (): Promise<void> => {
    let seenRevision = -1;
    let seenAt = clock.monotonic();
    while (!signal.aborted) {
      try {
        await witnesses.follow();
        await follower.catchUp();
        followedAt = clock.monotonic();
        const { revision, claim } = await key.read();
        if (revision !== seenRevision) {
          seenRevision = revision;
          seenAt = clock.monotonic();
        }
        const free = revision === 0 || claim === undefined || claim.released;
        if (free || clock.monotonic() - seenAt >= deps.pace.takeover) {
          const term = Math.max(follower.state.head.term, claim?.term ?? 0) + 1;
          const taken = await key.write({ replica, term, released: false }, revision);
          if (taken !== undefined) {
            await lead(term, taken);
            seenRevision = -1;
            continue;
          }
        }
      } catch (error) {
        if (!signal.aborted) log.warn(errorFacts(error), 'the ledger or the leader key cannot be reached');
      }
      await clock.sleep(FOLLOW_MS, signal);
    }
  };
  return {
    leading: () => leading,
    followedAt: () => followedAt,
    loss: () => loss && { term: loss.term, evidence: loss.evidence() },
    ended: loop(),
  };
};
