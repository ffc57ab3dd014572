// Restores a backup: its messages as they were, each at its own sequence, and then the first record of a new generation. Before that
// record is stored no replica leads: a mark beside the ledger says that the restore is not complete.

import { batchDecoder, encodeBatch, hashOf, type BatchDecoder } from '../batch-codec.ts';
import { LedgerError } from '../errors.ts';
import type { Random } from '../random.ts';
import { NO_HASH, type Batch, type LedgerPoint, type RecordLike } from '../records.ts';
import type { Follower } from '../replica/follower.ts';
import type { LedgerStream, StoredMessage } from '../replica/ledger-stream.ts';
import type { LedgerHead, LedgerState, StateMachine } from '../state-machine.ts';
import type { RestoreMark } from './restore-mark.ts';
import type { LossEvidence } from './witness.ts';

/** One step of a restore. */
export type RestoreCommand<R> = {
  /** The end of the backup's ledger. */
  readonly upTo: LedgerPoint;
  /** Consecutive messages. Messages that are restored already are passed over. */
  readonly messages: readonly StoredMessage[];
  /** Given in the last step: who restores it and why, and the records to write after the first of the new generation. */
  readonly finish?: { readonly by: string; readonly why: string; readonly records: readonly R[] };
};

export type RestoreRejection =
  | { readonly code: 'other-backup'; readonly upTo: LedgerPoint }
  | { readonly code: 'not-empty' }
  | { readonly code: 'gap'; readonly next: number; readonly given: number }
  | { readonly code: 'out-of-order'; readonly sequence: number }
  | { readonly code: 'later-version'; readonly sequence: number }
  | { readonly code: 'incomplete'; readonly sequence: number; readonly upTo: LedgerPoint };

export type RestoreResult =
  | { readonly ok: true; readonly head: LedgerHead; readonly finished: boolean }
  | { readonly ok: false; readonly rejection: RestoreRejection };

export type Restore<R extends RecordLike> = {
  /** Why a restore keeps this ledger from being led. Rejects if that cannot be read. */
  readonly evidence: () => Promise<readonly LossEvidence[]>;
  /** One step, in a term in which nothing else is written. Steps run in the order of the calls. */
  readonly step: (term: number, command: RestoreCommand<R>) => Promise<RestoreResult>;
};

export type RestoreDeps<State extends Draft, R extends RecordLike, Draft extends LedgerState> = {
  readonly machine: StateMachine<State, R, Draft>;
  readonly stream: LedgerStream;
  readonly follower: Follower<State, R>;
  readonly mark: RestoreMark;
  readonly random: Pick<Random, 'id'>;
  readonly ledgerTime: (last: number) => number;
  /** An empty ledger waits for a backup. */
  readonly awaited: boolean;
};

const samePoint = (a: LedgerPoint, b: LedgerPoint): boolean =>
  a.generation === b.generation && a.sequence === b.sequence && a.hash === b.hash;
const rejected = (rejection: RestoreRejection): RestoreResult => ({ ok: false, rejection });

const createAppender = <R extends RecordLike>(
  stream: LedgerStream,
  follower: Pick<Follower<LedgerState, R>, 'tail' | 'take'>,
) => {
  const isStored = async (sequence: number, bytes: Uint8Array): Promise<boolean> => {
    for await (const message of stream.readFrom(sequence))
      return message.sequence === sequence && hashOf(message.bytes) === hashOf(bytes);
    return false;
  };
  return async (bytes: Uint8Array): Promise<void> => {
    const sequence = follower.tail() + 1;
    const outcome = await stream.append(bytes, sequence - 1);
    if (outcome.kind === 'full') throw new LedgerError('STORAGE_FULL');
    if (outcome.kind === 'uncertain' && !(await isStored(sequence, bytes)))
      throw new LedgerError(
        'NOT_LEADER',
        'Another replica has written to the ledger, or it cannot be reached.',
      );
    follower.take({ sequence, bytes });
  };
};

const createSteps = <State extends Draft, R extends RecordLike, Draft extends LedgerState>(
  deps: RestoreDeps<State, R, Draft>,
  decode: BatchDecoder<R>,
) => {
  const { stream, follower, mark, random } = deps;
  const { state } = follower;
  const append = createAppender(stream, follower);

  const begin = async ({ upTo, messages }: RestoreCommand<R>): Promise<RestoreRejection | undefined> => {
    const inProgress = await mark.read();
    if (inProgress && !samePoint(inProgress, upTo)) return { code: 'other-backup', upTo: inProgress };
    if (!inProgress && follower.tail() > 0) return { code: 'not-empty' };
    const [first] = messages;
    const next = follower.tail() + 1;
    if (first && first.sequence > next) return { code: 'gap', next, given: first.sequence };
    if (!inProgress) await mark.write(upTo);
    return undefined;
  };
  const appendMessages = async ({
    upTo,
    messages,
  }: RestoreCommand<R>): Promise<RestoreRejection | undefined> => {
    for (const { sequence, bytes } of messages) {
      // Restored by an earlier attempt.
      if (sequence <= follower.tail()) continue;
      const decoded = decode(bytes);
      if (sequence !== follower.tail() + 1 || sequence > upTo.sequence)
        return { code: 'out-of-order', sequence };
      if (!decoded.ok && decoded.laterAfter === state.head.hash) return { code: 'later-version', sequence };
      await append(bytes);
    }
    return undefined;
  };
  const finish = async (
    term: number,
    upTo: LedgerPoint,
    { by, why, records }: NonNullable<RestoreCommand<R>['finish']>,
  ): Promise<RestoreRejection | undefined> => {
    const { head } = state;
    const { generation, sequence, hash } = head;
    if (!samePoint(upTo, { generation, sequence, hash })) return { code: 'incomplete', sequence, upTo };
    const batch: Batch<R> = {
      format: 1,
      generation: random.id(),
      term: Math.max(term, head.term + 1),
      nonce: random.id(),
      prevHash: hash,
      at: deps.ledgerTime(head.time),
      records: [{ kind: 'generation-started', after: upTo, lost: [], by, why }, ...records],
    };
    await append(encodeBatch(batch));
    await mark.write(undefined);
    return undefined;
  };
  return { begin, appendMessages, finish };
};

export const createRestore = <State extends Draft, R extends RecordLike, Draft extends LedgerState>(
  deps: RestoreDeps<State, R, Draft>,
): Restore<R> => {
  const { follower, mark } = deps;
  const { state } = follower;
  const steps = createSteps(deps, batchDecoder(deps.machine));
  let last: Promise<unknown> = Promise.resolve();

  const step = async (term: number, command: RestoreCommand<R>): Promise<RestoreResult> => {
    await follower.catchUp();
    const problem =
      (await steps.begin(command)) ??
      (await steps.appendMessages(command)) ??
      (command.finish && (await steps.finish(term, command.upTo, command.finish)));
    return problem
      ? rejected(problem)
      : { ok: true, head: state.head, finished: command.finish !== undefined };
  };
  return {
    evidence: async () => {
      const upTo = await mark.read();
      const { head } = state;
      if (upTo && head.survived[upTo.generation] === undefined)
        return [{ from: 'restore', why: 'half-restored', saw: { ...upTo, time: 0 } }];
      // The restore is complete, but its leader ended before it removed the mark.
      if (upTo) await mark.write(undefined);
      const waits = deps.awaited && head.hash === NO_HASH;
      return waits ? [{ from: 'restore', why: 'awaits-backup', saw: null }] : [];
    },
    step: (term, command) => {
      const next = last.then(() => step(term, command));
      last = next.catch(() => undefined);
      return next;
    },
  };
};
