import { LedgerError } from '../errors.ts';
import type { RecordLike } from '../records.ts';
import type { Submission } from './command.ts';

/** More than callers submit in good order; further commands are refused as BUSY. */
const MAX_WAITING = 20_000;

/** The commands that wait for the next batch, in the order of their arrival. */
export type CommandQueue<Draft, R extends RecordLike> = {
  readonly length: () => number;
  readonly add: (submission: Submission<Draft, R>) => void;
  readonly take: () => Submission<Draft, R> | undefined;
  /** Back to the front of the queue. */
  readonly putBack: (submission: Submission<Draft, R>) => void;
  readonly rejectAll: (code: 'NOT_LEADER') => void;
};

export const createCommandQueue = <Draft, R extends RecordLike>(): CommandQueue<Draft, R> => {
  let waiting: Submission<Draft, R>[] = [];
  return {
    length: () => waiting.length,
    add: (submission) => {
      if (waiting.length >= MAX_WAITING) submission.reject(new LedgerError('BUSY'));
      else waiting.push(submission);
    },
    take: () => waiting.shift(),
    putBack: (submission) => waiting.unshift(submission),
    rejectAll: (code) => {
      const rejected = waiting;
      waiting = [];
      for (const { reject } of rejected) reject(new LedgerError(code));
    },
  };
};
