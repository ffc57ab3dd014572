// Asking the license server, whatever carries the messages: the same request is handed to the queue at once, at 0.8 s, at 1.8 s,
// whenever the connection comes back, and again and again while the queue is away, until an answer is there or the deadline
// passed. The request id makes repeats harmless.

import { decodeDecisions, type ReceivedDecisions } from '@calbus/contracts/received-decisions';
import type { Body } from '@calbus/contracts/envelope';
import { fault, FaultError, type Fault } from '@calbus/contracts/faults';
import type { licenseDecision } from '@calbus/contracts/terminal-server-messages';

export type Decision = Body<typeof licenseDecision>;

/** Hands bytes to the request queue. Undefined once queued, or while that is not known; BUSY or UNREACHABLE where it refused. Never rejects. */
export type Enqueue = (subject: string, bytes: Uint8Array) => Promise<Fault | undefined>;

/** Calls `act` after `ms`, unless what it returns is called before. */
export type StartTimer = (ms: number, act: () => void) => () => void;

/** A message for the queue. */
export type QueueMessage = {
  readonly subject: string;
  readonly requestId: string;
  readonly bytes: () => Uint8Array;
  /** How it is handed over the first time, where that is not by itself; as of Enqueue. */
  readonly first?: () => Promise<Fault | undefined>;
};

export type RequestClient = {
  /** Calls under one request id at the same time share its answer. Rejects with a FaultError: TIMEOUT, BUSY, UNREACHABLE, or what was wrong with the request. */
  readonly ask: (message: QueueMessage, waitsMs?: number) => Promise<Decision>;
  /** Takes what came on the decision subject. False where it is none of calbus's. */
  readonly receive: (bytes: Uint8Array) => boolean;
  /** The connection was away and is back. */
  readonly reconnected: () => void;
  /** Whoever still waits is told `why`. */
  readonly end: (why: Fault) => void;
};

type Pending = {
  readonly resolve: (d: Decision) => void;
  readonly reject: (why: Fault) => void;
  readonly publish: () => void;
};

/**
 * Empty once it is over. The tables that a Map had before it grew or shrank hold on to what was in them until all garbage is collected, and
 * to one another: with thousands of requests a second most of what a request needed would live that long.
 */
type InFlight = { answer?: Promise<Decision> | undefined; waiting?: Pending | undefined };

const RETRY_AT_MS = [800, 1_800] as const;
/** Between two tries of a queue that is away. */
const RETRY_DELAY_MS = 700;

/** `told` hears what came before whoever waits for it does. */
export const createRequestClient = (
  enqueue: Enqueue,
  later: StartTimer,
  waitsMs: number,
  told?: (all: ReceivedDecisions) => void,
): RequestClient => {
  const underway = new Map<string, InFlight>();
  const waitingFor = (requestId: string): Pending | undefined => underway.get(requestId)?.waiting;

  const askOnce = (
    { subject, requestId, bytes, first }: QueueMessage,
    waits: number,
    own: InFlight,
  ): Promise<Decision> =>
    new Promise((resolve, reject) => {
      const alone = (): Promise<Fault | undefined> => enqueue(subject, bytes());
      const timers: (() => void)[] = [];
      let over = false;
      const end = (): void => {
        over = true;
        for (const cancel of timers) cancel();
        underway.delete(requestId);
        own.answer = undefined;
        own.waiting = undefined;
      };
      const giveUp = (f: Fault): void => {
        end();
        reject(new FaultError(f));
      };
      // Once one copy is queued an answer may come; a queue that refused every copy is full or away, and that is the answer.
      let queued = false;
      let refusal: Fault | undefined;
      let toCome: number = RETRY_AT_MS.length;
      // The queue is away, as it is for some seconds when the node of NATS that leads it is lost.
      let trying = false;
      const publish = async (handOver = alone): Promise<void> => {
        const refused = await handOver();
        queued ||= refused === undefined;
        refusal = refused ?? refusal;
        if (queued || toCome > 0 || !refusal || over) return;
        if (refusal.code === 'BUSY') giveUp(refusal);
        else tryUntilQueued();
      };
      const tryUntilQueued = (): void => {
        if (trying) return;
        trying = true;
        timers.push(
          later(RETRY_DELAY_MS, () => {
            trying = false;
            void publish();
          }),
        );
      };
      const again = (): void => {
        toCome -= 1;
        void publish();
      };
      own.waiting = {
        resolve: (d) => {
          end();
          resolve(d);
        },
        reject: giveUp,
        publish: () => void publish(),
      };
      for (const ms of RETRY_AT_MS) timers.push(later(ms, again));
      timers.push(later(waits, () => giveUp(queued || !refusal ? fault('TIMEOUT') : refusal)));
      void publish(first);
    });

  return {
    ask: (message, waits = waitsMs) => {
      const { requestId } = message;
      const earlier = underway.get(requestId)?.answer;
      if (earlier) return earlier;
      const own: InFlight = {};
      underway.set(requestId, own);
      own.answer = askOnce(message, waits, own);
      return own.answer;
    },
    receive: (bytes) => {
      const opened = decodeDecisions(bytes);
      if (!opened.ok) return false;
      const { decisions, faults } = opened.message;
      told?.(opened.message);
      // Nobody waits for the answer to a repeat, nor for one that comes too late.
      for (const d of decisions) waitingFor(d.requestId)?.resolve(d);
      for (const f of faults) waitingFor(f.requestId)?.reject(fault(f.code, f.says));
      return true;
    },
    reconnected: () => {
      for (const w of underway.values()) w.waiting?.publish();
    },
    end: (why) => {
      for (const w of underway.values()) w.waiting?.reject(why);
    },
  };
};
