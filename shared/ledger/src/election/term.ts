// One term of this replica: from the leader's key to the end of the leadership.

import { errorFacts, type Log } from '@calbus/runtime/log';
import type { GroupCommit } from '../commit/command.ts';
import { createGroupCommit, type CommittedBatch, type GroupCommitDeps } from '../commit/group-commit.ts';
import { LedgerError } from '../errors.ts';
import { beginTerm, type Loss, type LossDeps, type TermBeginning } from '../recovery/loss.ts';
import type { Witnesses } from '../recovery/witnesses.ts';
import type { RecordLike } from '../records.ts';
import type { LedgerState } from '../state-machine.ts';
import { holdLease, type LeaseDeps } from './lease.ts';

/** A replica that leads. */
export type Leader<Draft, R extends RecordLike> = {
  readonly term: number;
  readonly commit: GroupCommit<Draft, R>;
};

/** Work that runs while a replica leads, until `over`. A job that rejects is logged and not started again. */
export type LeaderJob<Draft, R extends RecordLike> = (
  leader: Leader<Draft, R>,
  over: AbortSignal,
) => Promise<void>;

/** What the application does in one term. */
export type TermHandlers<State extends LedgerState, R extends RecordLike, Draft> = {
  /** Called after each committed batch; not awaited. */
  readonly onCommitted: (batch: CommittedBatch<State, R>) => void;
  readonly jobs: readonly LeaderJob<Draft, R>[];
  /** Called when the first batch of the term is committed; its result is called when the term is over. */
  readonly onLead: (leader: Leader<Draft, R>) => () => void;
  /** Called if the term cannot begin because of a loss; its result is called when that is over. */
  readonly onLoss: (loss: Loss<R>) => () => void;
};

type PerTerm = 'term' | 'generation' | 'lease' | 'onForeignBatch' | 'onCommitted';

export type TermDeps<State extends Draft, R extends RecordLike, Draft extends LedgerState> = Omit<
  GroupCommitDeps<State, R, Draft>,
  PerTerm
> &
  Pick<LeaseDeps, 'key' | 'replica' | 'timings'> &
  Pick<LossDeps<R>, 'restore'> & {
    readonly witnesses: Witnesses;
    /** Aborts when the process stops. */
    readonly signal: AbortSignal;
    readonly openTerm: () => TermHandlers<State, R, Draft>;
  };

/** What this replica does now, as others may see it. */
export type LeadershipStatus<Draft, R extends RecordLike> = {
  leader: Leader<Draft, R> | undefined;
  loss: Loss<R> | undefined;
};

/** Resolves when `over` aborts. */
const untilAborted = (over: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (over.aborted) resolve();
    else over.addEventListener('abort', () => resolve(), { once: true });
  });

const startJobs = <Draft, R extends RecordLike>(
  jobs: readonly LeaderJob<Draft, R>[],
  leader: Leader<Draft, R>,
  over: AbortSignal,
  log: Log,
): void => {
  for (const job of jobs)
    job(leader, over).catch((error: unknown) => log.info(errorFacts(error), 'a job of the leader has ended'));
};

/** Resolves when the term is over. `firstRevision` is that of the leader's key with this replica's claim. */
export const runTerm = async <State extends Draft, R extends RecordLike, Draft extends LedgerState>(
  deps: TermDeps<State, R, Draft>,
  term: number,
  firstRevision: number,
  status: LeadershipStatus<Draft, R>,
): Promise<void> => {
  const { replica, log, signal, witnesses, follower } = deps;
  const over = new AbortController();
  let commit: GroupCommit<Draft, R> | undefined;
  // The commit, too: otherwise it looks for an uncertain batch until the ledger can be read.
  const stop = (): void => {
    over.abort();
    commit?.stop();
  };
  signal.addEventListener('abort', stop, { once: true });
  const handlers = deps.openTerm();
  const lease = holdLease(deps, term, firstRevision, over.signal, stop);
  const onLoss = (loss: Loss<R>): (() => void) => {
    status.loss = loss;
    const end = handlers.onLoss(loss);
    return () => {
      status.loss = undefined;
      end();
    };
  };
  let beginning: TermBeginning | undefined;
  let end: (() => void) | undefined;
  try {
    beginning = await beginTerm({ ...deps, onLoss }, term, over.signal);
    if (over.signal.aborted) throw new LedgerError('NOT_LEADER');
    const { generation, records } = beginning;
    const { onCommitted } = handlers;
    commit = createGroupCommit({
      ...deps,
      term,
      generation,
      lease: lease.valid,
      onCommitted,
      onForeignBatch: stop,
    });
    await commit.submit(() => ({
      records: [...records, { kind: 'leadership-taken', replica }],
      result: undefined,
    }));
    beginning.committed(follower.state.head);
    log.info({ term, sequence: follower.state.head.sequence }, 'leading');
    const leader = { term, commit };
    status.leader = leader;
    end = handlers.onLead(leader);
    const watch: LeaderJob<Draft, R> = (_, signal) => witnesses.watch(signal, stop);
    startJobs([...handlers.jobs, watch], leader, over.signal, log);
    await untilAborted(over.signal);
  } catch (error) {
    log.warn({ term, ...errorFacts(error) }, 'could not take the lead');
  } finally {
    stop();
    status.leader = undefined;
    beginning?.failed();
    end?.();
    signal.removeEventListener('abort', stop);
    await lease.ended;
    log.info({ term }, 'not leading any more');
    if (signal.aborted) await lease.release();
  }
};
