// How a term begins. If a part of the ledger is lost, the term does not begin: the replica holds the leader's key, so that no other
// replica takes it, and waits until an operator accepts the loss, a backup is restored, or the ledger is complete again.

import type { Clock } from '@calbus/runtime/clock';
import { errorFacts, type Log } from '@calbus/runtime/log';
import { LedgerError } from '../errors.ts';
import type { Random } from '../random.ts';
import { NO_HASH, type LedgerPoint, type LedgerRecord, type RecordLike } from '../records.ts';
import type { ReadFollower } from '../replica/follower.ts';
import type { LedgerHead, LedgerState } from '../state-machine.ts';
import type { Restore, RestoreCommand, RestoreResult } from './restore.ts';
import type { LossEvidence } from './witness.ts';
import type { Witnesses } from './witnesses.ts';

const EXAMINE_INTERVAL_MS = 2_000;
/** Generations that a record of an accepted loss names. */
const MAX_LOST = 64;

/** An operator accepts that the ledger ends here; null if nothing survives. */
export type AcceptLossCommand = {
  readonly survives: LedgerPoint | null;
  readonly by: string;
  readonly why: string;
};

export type AcceptLossResult =
  | { readonly ok: true; readonly head: LedgerHead }
  | {
      readonly ok: false;
      readonly rejection:
        | { readonly code: 'half-restored' | 'awaits-backup' }
        /** The ledger ends at another place than the operator says. */
        | { readonly code: 'end-changed'; readonly end: LedgerPoint | null };
    };

/** A term that cannot begin. */
export type Loss<R> = {
  readonly term: number;
  readonly evidence: () => readonly LossEvidence[];
  /** Resolves when the new generation is committed. */
  readonly accept: (command: AcceptLossCommand) => Promise<AcceptLossResult>;
  /** The last step ends this term. */
  readonly restore: (command: RestoreCommand<R>) => Promise<RestoreResult>;
};

/** The first batch of a term. */
export type TermBeginning = {
  readonly generation: string;
  readonly records: readonly LedgerRecord[];
  /** Tells the operator who accepted a loss, if one did, how the first batch ended. */
  readonly committed: (head: LedgerHead) => void;
  readonly failed: () => void;
};

export type LossDeps<R extends RecordLike> = {
  readonly follower: Pick<ReadFollower<LedgerState>, 'state'>;
  readonly witnesses: Pick<Witnesses, 'examine'>;
  readonly restore: Restore<R>;
  readonly random: Pick<Random, 'id'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Announces the loss and takes the operator's commands. Ends both when its result is called. */
  readonly onLoss: (loss: Loss<R>) => () => void;
};

const endOf = ({ generation, sequence, hash }: LedgerHead): LedgerPoint | null =>
  hash === NO_HASH ? null : { generation, sequence, hash };

/** The furthest point of each generation that a witness saw. */
const furthestPoints = (evidence: readonly LossEvidence[]): LedgerPoint[] => {
  const furthest = new Map<string, LedgerPoint>();
  for (const { saw } of evidence) {
    if (!saw || saw.sequence <= (furthest.get(saw.generation)?.sequence ?? -1)) continue;
    const { generation, sequence, hash } = saw;
    furthest.set(generation, { generation, sequence, hash });
  }
  return [...furthest.values()].slice(0, MAX_LOST);
};

const beginWithoutLoss = ({ head }: LedgerState, random: Pick<Random, 'id'>): TermBeginning => {
  const isEmpty = head.hash === NO_HASH;
  return {
    generation: isEmpty ? random.id() : head.generation,
    records: isEmpty ? [{ kind: 'generation-started', after: null }] : [],
    committed: () => {},
    failed: () => {},
  };
};

const examine = async <R extends RecordLike>({
  witnesses,
  restore,
}: Pick<LossDeps<R>, 'witnesses' | 'restore'>): Promise<readonly LossEvidence[]> => {
  const found = await witnesses.examine();
  return [...(await restore.evidence()), ...found];
};

/** A restore that is not complete cannot be accepted as a loss. */
const restoreProblem = (evidence: readonly LossEvidence[]): 'half-restored' | 'awaits-backup' | undefined => {
  const restore = evidence.find((e) => e.from === 'restore');
  return restore && (restore.why === 'half-restored' ? 'half-restored' : 'awaits-backup');
};

type Acceptance = {
  readonly command: AcceptLossCommand;
  readonly result: PromiseWithResolvers<AcceptLossResult>;
};

type Decision = { readonly acceptance: Acceptance; readonly evidence: readonly LossEvidence[] };

/** Resolves when an operator accepts the loss; undefined when the ledger is complete again. Rejects when the term is over. */
const waitForDecision = async <R extends RecordLike>(
  deps: LossDeps<R>,
  term: number,
  first: readonly LossEvidence[],
  over: AbortSignal,
): Promise<Decision | undefined> => {
  const { follower, clock, log } = deps;
  let evidence = first;
  let acceptance: Acceptance | undefined;
  let restored = false;
  const decided = new AbortController();
  const accept: Loss<R>['accept'] = (command) => {
    const problem = restoreProblem(evidence);
    if (problem) return Promise.resolve({ ok: false, rejection: { code: problem } });
    const end = endOf(follower.state.head);
    if (acceptance || JSON.stringify(command.survives) !== JSON.stringify(end))
      return Promise.resolve({ ok: false, rejection: { code: 'end-changed', end } });
    acceptance = { command, result: Promise.withResolvers<AcceptLossResult>() };
    decided.abort();
    return acceptance.result.promise;
  };
  const restore: Loss<R>['restore'] = async (command) => {
    const result = await deps.restore.step(term, command);
    if (!result.ok || !result.finished) return result;
    restored = true;
    decided.abort();
    return result;
  };
  const end = deps.onLoss({ term, evidence: () => evidence, accept, restore });
  try {
    for (;;) {
      await clock.sleep(EXAMINE_INTERVAL_MS, AbortSignal.any([over, decided.signal]));
      if (acceptance) return { acceptance, evidence };
      // A restored ledger is led in a later term, as after another leader's batch.
      if (over.aborted || restored) throw new LedgerError('NOT_LEADER');
      try {
        const now = await examine(deps);
        if (now.length === 0) return undefined;
        evidence = now;
      } catch (error) {
        log.warn(errorFacts(error), 'the ledger cannot be compared with its witnesses');
      }
      if (acceptance) return { acceptance, evidence };
    }
  } catch (error) {
    acceptance?.result.reject(error);
    throw error;
  } finally {
    end();
  }
};

/** Rejects when the term is over, or if the ledger cannot be read. */
export const beginTerm = async <R extends RecordLike>(
  deps: LossDeps<R>,
  term: number,
  over: AbortSignal,
): Promise<TermBeginning> => {
  const { follower, random, log } = deps;
  const found = await examine(deps);
  if (found.length === 0) return beginWithoutLoss(follower.state, random);
  log.error(
    { event: 'LEDGER_DAMAGED', term, sequence: follower.state.head.sequence, evidence: found },
    'a part of the ledger is lost: this replica does not lead until an operator accepts the loss',
  );
  const decision = await waitForDecision(deps, term, found, over);
  if (!decision) {
    log.info({ term }, 'the ledger is complete again');
    return beginWithoutLoss(follower.state, random);
  }
  const { command, result } = decision.acceptance;
  const { survives, by, why } = command;
  log.warn({ term, by, why, survives }, 'an operator has accepted the loss');
  const lost = furthestPoints(decision.evidence);
  return {
    generation: random.id(),
    records: [{ kind: 'generation-started', after: survives, lost, by, why }],
    committed: (head) => result.resolve({ ok: true, head }),
    failed: () => result.reject(new LedgerError('NOT_LEADER')),
  };
};
