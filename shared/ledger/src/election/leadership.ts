// Who leads. The leader's key is only a hint for waiting: what keeps two leaders apart is the expected sequence and the hash chain of
// the ledger. A standby that sees no change of the key for the takeover timeout of its own clock takes it. Its first act is a record in
// the ledger, and it answers nothing before that record is committed.

import { errorFacts } from '@calbus/runtime/log';
import type { LossEvidence } from '../recovery/witness.ts';
import type { RecordLike } from '../records.ts';
import type { LedgerState } from '../state-machine.ts';
import { runTerm, type Leader, type LeadershipStatus, type TermDeps } from './term.ts';

const POLL_INTERVAL_MS = 200;

export type Leadership<Draft, R extends RecordLike> = {
  /** Undefined while this replica does not lead. */
  readonly leader: () => Leader<Draft, R> | undefined;
  /** While this replica holds the leader's key and a loss keeps it from leading. */
  readonly loss: () => { readonly term: number; readonly evidence: readonly LossEvidence[] } | undefined;
  /** When a standby last read the ledger to its end, by the monotonic clock; undefined before the first time. */
  readonly followedAt: () => number | undefined;
  readonly ended: Promise<void>;
};

export const startLeadership = <State extends Draft, R extends RecordLike, Draft extends LedgerState>(
  deps: TermDeps<State, R, Draft>,
): Leadership<Draft, R> => {
  const { clock, key, follower, replica, log, signal, witnesses, timings } = deps;
  const status: LeadershipStatus<Draft, R> = { leader: undefined, loss: undefined };
  let followedAt: number | undefined;
  let seenRevision = -1;
  let seenAt = clock.monotonic();

  const follow = async (): Promise<void> => {
    await witnesses.compareStream();
    await follower.catchUp();
    followedAt = clock.monotonic();
  };
  /** Takes the key and leads if no replica leads. Whether there was a term. */
  const lead = async (): Promise<boolean> => {
    const { revision, claim } = await key.read();
    if (revision !== seenRevision) {
      seenRevision = revision;
      seenAt = clock.monotonic();
    }
    const isFree = revision === 0 || claim === undefined || claim.released;
    if (!isFree && clock.monotonic() - seenAt < timings.takeoverTimeout) return false;
    const term = Math.max(follower.state.head.term, claim?.term ?? 0) + 1;
    const taken = await key.write({ replica, term, released: false }, revision);
    if (taken === undefined) return false;
    await runTerm(deps, term, taken, status);
    seenRevision = -1;
    return true;
  };
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        await follow();
        if (await lead()) continue;
      } catch (error) {
        if (!signal.aborted) log.warn(errorFacts(error), 'the ledger or the leader key cannot be reached');
      }
      await clock.sleep(POLL_INTERVAL_MS, signal);
    }
  };
  return {
    leader: () => status.leader,
    loss: () => status.loss && { term: status.loss.term, evidence: status.loss.evidence() },
    followedAt: () => followedAt,
    ended: run(),
  };
};
