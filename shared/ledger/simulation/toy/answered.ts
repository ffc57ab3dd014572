import type { ReserveRequest, ReserveResult } from '../../example/reservations.ts';
import type { LedgerPosition } from '../../src/commit/command.ts';

/** One answer as it reached a client. */
export type Answered = {
  readonly request: ReserveRequest;
  readonly result: ReserveResult;
  readonly position: LedgerPosition;
  /** The last sequence of a leader when the request was sent, and the last of the stream when the answer left. */
  readonly lastWhenAsked: number;
  readonly lastWhenAnswered: number;
};
