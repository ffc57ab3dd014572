// Who leads. The key in the leader bucket is only a hint for waiting: what keeps two leaders apart is the expected
// sequence and the hash chain of the ledger. A standby that has seen no change of the key for the takeover time of its own
// clock takes it; its first act is a record in the ledger, and it answers nothing before that is committed.

import { fault, FaultError } from '@calbus/contracts/faults';
import { NO_HASH, type LedgerRecord } from '@calbus/contracts/ledger';
import { errorFacts } from '@calbus/runtime/log';
import { dueReturns } from '../domain/decide.ts';
import type { LeaderKey } from '../ports.ts';
import { createGroupCommit, type GroupCommit, type GroupCommitDeps } from './group-commit.ts';

export const TAKEOVER_MS = 1_200;
const HEARTBEAT_MS = 300;
/** Less than half of the takeover time: a leader that was paused has lost its lease before another can lead. */
const LEASE_MS = 500;
const FOLLOW_MS = 200;
const EXPIRY_MS = 5_000;
/** So many records fit into one batch, however long their ids are. */
export const MOST_RETURNS = 2_500;

export type Leading = { readonly term: number; readonly commit: GroupCommit };

export type LeadershipDeps = Omit<GroupCommitDeps, 'term' | 'generation' | 'lease' | 'onForeignBatch'> & {
  readonly key: LeaderKey;
  readonly replica: string;
  readonly signal: AbortSignal;
  /** Called once a term's first record is committed; what it returns is called when the term is over. */
  readonly onLead: (leading: Leading) => () => void;
};

export type Leadership = { readonly leading: () => Leading | undefined; readonly ended: Promise<void> };

export const startLeadership = (deps: LeadershipDeps): Leadership => {
  const { clock, key, follower, replica, log, signal } = deps;
  let leading: Leading | undefined;

  const lead = async (term: number, firstRevision: number): Promise<void> => {
    const over = new AbortController();
    const stop = (): void => over.abort();
    signal.addEventListener('abort', stop, { once: true });
    let revision = firstRevision;
    let leaseUntil = clock.monotonic();
    const generation = follower.state.head.hash === NO_HASH ? deps.dice.id() : follower.state.head.generation;
    const lease = async (): Promise<void> => {
      while (clock.monotonic() >= leaseUntil) {
        if (over.signal.aborted) throw new FaultError(fault('NOT_LEADER'));
        await clock.sleep(20, over.signal);
      }
    };
    const commit = createGroupCommit({ ...deps, term, generation, lease, onForeignBatch: stop });

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
            leaseUntil = started + LEASE_MS;
          }
        } catch (error) {
          log.warn(errorFacts(error), 'the leader key cannot be written');
        }
        if (clock.monotonic() - lastGood > TAKEOVER_MS * 2) return stop();
        await clock.sleep(HEARTBEAT_MS, over.signal);
      }
    };

    const returnCals = async (): Promise<void> => {
      while (!over.signal.aborted) {
        await clock.sleep(EXPIRY_MS, over.signal);
        if (over.signal.aborted) return;
        const returned = await commit.submit((draft, c) => {
          const records = dueReturns(draft, c, MOST_RETURNS);
          return { records, answer: () => records.length };
        });
        if (returned > 0) log.info({ row: 'D15', returned }, 'CALs returned to their pools');
      }
    };

    const beating = heartbeat();
    let end: (() => void) | undefined;
    try {
      const first: LedgerRecord[] =
        generation === follower.state.head.generation ? [] : [{ kind: 'generation-started', after: null }];
      await commit.submit(() => ({
        records: [...first, { kind: 'leadership-taken', replica }],
        answer: () => undefined,
      }));
      log.info({ event: 'LEADER_CHANGED', term, sequence: follower.state.head.sequence }, 'leading');
      deps.cache.lead();
      leading = { term, commit };
      end = deps.onLead(leading);
      returnCals().catch((error: unknown) =>
        log.info(errorFacts(error), 'returning CALs ended with the term'),
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
      commit.stop();
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
        await follower.catchUp();
        const { revision, claim } = await key.read();
        if (revision !== seenRevision) {
          seenRevision = revision;
          seenAt = clock.monotonic();
        }
        const free = revision === 0 || claim === undefined || claim.released;
        if (free || clock.monotonic() - seenAt >= TAKEOVER_MS) {
          const term = Math.max(follower.state.head.term, claim?.term ?? 0) + 1;
          const taken = await key.write({ replica, term, released: false }, revision);
          if (taken !== undefined) {
            await follower.catchUp();
            await lead(term, taken);
            seenRevision = -1;
            continue;
          }
        }
      } catch (error) {
        log.warn(errorFacts(error), 'the ledger or the leader key cannot be reached');
      }
      await clock.sleep(FOLLOW_MS, signal);
    }
  };
  return { leading: () => leading, ended: loop() };
};
