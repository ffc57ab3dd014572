// Sends a request until its answer arrives or its deadline passes: at once, after 0.8 s, after 1.8 s, on every reconnect, and
// repeatedly while the queue is unreachable. The request id makes repeats harmless. Independent of the transport.

import { decodeDecisions, type ReceivedDecisions } from '@calbus/contracts/received-decisions';
import type { Body } from '@calbus/contracts/envelope';
import { fault, FaultError, type Fault } from '@calbus/contracts/faults';
import type { licenseDecision } from '@calbus/contracts/terminal-server-messages';

export type Decision = Body<typeof licenseDecision>;

/** Publishes bytes to the request queue. Resolves with undefined if they are queued or may be; with BUSY or UNREACHABLE if not. Never rejects. */
export type Enqueue = (subject: string, bytes: Uint8Array) => Promise<Fault | undefined>;

/** Calls `act` after `ms` milliseconds. The returned function cancels the timer. */
export type StartTimer = (ms: number, act: () => void) => () => void;

/** A message for the queue. */
export type QueueMessage = {
  readonly subject: string;
  readonly requestId: string;
  readonly bytes: () => Uint8Array;
  /** Publishes the first copy, for example in a batch. Default: alone. See Enqueue. */
  readonly first?: () => Promise<Fault | undefined>;
};

export type RequestClient = {
  /** Calls under one request id at the same time share its answer. Rejects with a FaultError: TIMEOUT, BUSY, UNREACHABLE, or what was wrong with the request. */
  readonly ask: (message: QueueMessage, waitsMs?: number) => Promise<Decision>;
  /** Receives a message on the decision subject. False if it is not a message of calbus. */
  readonly receive: (bytes: Uint8Array) => boolean;
  /** The connection is established retry. */
  readonly reconnected: () => void;
  /** Rejects all pending requests with `why`. */
  readonly end: (why: Fault) => void;
};

type Pending = {
  readonly resolve: (d: Decision) => void;
  readonly reject: (why: Fault) => void;
  readonly publish: () => void;
};

/**
 * Emptied when the request is over. The earlier hash tables of a Map keep their entries, and each other, alive until a full garbage
 * collection. At thousands of requests a second the memory of every request would live that long.
 */
type InFlight = { answer?: Promise<Decision> | undefined; pending?: Pending | undefined };

const RETRY_AT_MS = [800, 1_800] as const;
/** Between two attempts to reach the queue. */
const RETRY_DELAY_MS = 700;

type Transport = { readonly enqueue: Enqueue; readonly startTimer: StartTimer };

/** The copies of one request: publishes them until `cancel`, and gives up when no answer can come. */
const publishUntilCancelled = (
  { enqueue, startTimer }: Transport,
  { subject, bytes, first }: QueueMessage,
  timeoutMs: number,
  giveUp: (why: Fault) => void,
): { readonly publish: () => void; readonly cancel: () => void } => {
  const alone = (): Promise<Fault | undefined> => enqueue(subject, bytes());
  const timers: (() => void)[] = [];
  let cancelled = false;
  // If one copy is queued, an answer may come. If the queue refused every copy, that refusal is the answer.
  let queued = false;
  let refusal: Fault | undefined;
  let retriesLeft: number = RETRY_AT_MS.length;
  // The queue is unreachable for some seconds when the NATS node that leads it is lost.
  let retrying = false;
  const publish = async (enqueueCopy = alone): Promise<void> => {
    const refused = await enqueueCopy();
    queued ||= refused === undefined;
    refusal = refused ?? refusal;
    if (queued || retriesLeft > 0 || !refusal || cancelled) return;
    if (refusal.code === 'BUSY') giveUp(refusal);
    else retryUntilQueued();
  };
  const retryUntilQueued = (): void => {
    if (retrying) return;
    retrying = true;
    const retry = startTimer(RETRY_DELAY_MS, () => {
      retrying = false;
      void publish();
    });
    timers.push(retry);
  };
  const retry = (): void => {
    retriesLeft -= 1;
    void publish();
  };
  for (const ms of RETRY_AT_MS) timers.push(startTimer(ms, retry));
  timers.push(startTimer(timeoutMs, () => giveUp(queued || !refusal ? fault('TIMEOUT') : refusal)));
  void publish(first);
  return {
    publish: () => void publish(),
    cancel: () => {
      cancelled = true;
      for (const cancel of timers) cancel();
    },
  };
};

/** `received` receives each message before the pending requests resolve. */
export const createRequestClient = (
  enqueue: Enqueue,
  startTimer: StartTimer,
  waitsMs: number,
  received?: (all: ReceivedDecisions) => void,
): RequestClient => {
  const inFlight = new Map<string, InFlight>();
  const pending = (requestId: string): Pending | undefined => inFlight.get(requestId)?.pending;

  const send = (message: QueueMessage, timeoutMs: number, entry: InFlight): Promise<Decision> =>
    new Promise((resolve, reject) => {
      const end = (): void => {
        copies.cancel();
        inFlight.delete(message.requestId);
        entry.answer = undefined;
        entry.pending = undefined;
      };
      const giveUp = (why: Fault): void => {
        end();
        reject(new FaultError(why));
      };
      const copies = publishUntilCancelled({ enqueue, startTimer }, message, timeoutMs, giveUp);
      entry.pending = {
        resolve: (d) => {
          end();
          resolve(d);
        },
        reject: giveUp,
        publish: copies.publish,
      };
    });

  return {
    ask: (message, timeoutMs = waitsMs) => {
      const { requestId } = message;
      const earlier = inFlight.get(requestId)?.answer;
      if (earlier) return earlier;
      const entry: InFlight = {};
      inFlight.set(requestId, entry);
      entry.answer = send(message, timeoutMs, entry);
      return entry.answer;
    },
    receive: (bytes) => {
      const opened = decodeDecisions(bytes);
      if (!opened.ok) return false;
      const { decisions, faults } = opened.message;
      received?.(opened.message);
      // No caller waits for a second answer to a repeat, or for an answer after the deadline.
      for (const d of decisions) pending(d.requestId)?.resolve(d);
      for (const f of faults) pending(f.requestId)?.reject({ code: f.code, detail: f.says });
      return true;
    },
    reconnected: () => {
      for (const entry of inFlight.values()) entry.pending?.publish();
    },
    end: (why) => {
      for (const entry of inFlight.values()) entry.pending?.reject(why);
    },
  };
};
