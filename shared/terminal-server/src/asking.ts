// Asking the license server, whatever carries the messages: the same bytes are handed to the queue at once, at 0.8 s, at 1.8 s,
// whenever the connection comes back, and again and again while the queue is away, until an answer is there or the deadline
// passed. The request id makes repeats harmless.

import { decode, type Body } from '@calbus/contracts/envelope';
import { fault, FaultError, type Fault } from '@calbus/contracts/faults';
import { licenseDecision, licenseFault } from '@calbus/contracts/terminal-server-messages';

export type Decision = Body<typeof licenseDecision>;

/** Hands bytes to the request queue. Undefined once queued, or while that is not known; BUSY or UNREACHABLE where it refused. Never rejects. */
export type Enqueue = (subject: string, bytes: Uint8Array) => Promise<Fault | undefined>;

/** Calls `act` after `ms`, unless what it returns is called before. */
export type Later = (ms: number, act: () => void) => () => void;

export type Asking = {
  /** Calls under one request id at the same time share its answer. Rejects with a FaultError: TIMEOUT, BUSY, UNREACHABLE, or what was wrong with the request. */
  readonly ask: (
    subject: string,
    requestId: string,
    bytes: Uint8Array,
    waitsMs?: number,
  ) => Promise<Decision>;
  /** Takes what came on the decision subject. False where it is none of calbus's. */
  readonly take: (bytes: Uint8Array) => boolean;
  /** The connection was away and is back. */
  readonly reconnected: () => void;
  /** Whoever still waits is told `why`. */
  readonly end: (why: Fault) => void;
};

type Waiting = {
  readonly resolve: (d: Decision) => void;
  readonly reject: (why: Fault) => void;
  readonly publish: () => void;
};

const REPEATS_MS = [800, 1_800] as const;
/** Between two tries of a queue that is away. */
const AWAY_MS = 700;

export const createAsking = (enqueue: Enqueue, later: Later, waitsMs: number): Asking => {
  const waiting = new Map<string, Waiting>();
  const inFlight = new Map<string, Promise<Decision>>();

  const askOnce = (
    subject: string,
    requestId: string,
    bytes: Uint8Array,
    waits: number,
    settled: () => void,
  ): Promise<Decision> =>
    new Promise((resolve, reject) => {
      const timers: (() => void)[] = [];
      let over = false;
      const end = (): void => {
        over = true;
        for (const cancel of timers) cancel();
        waiting.delete(requestId);
        settled();
      };
      const giveUp = (f: Fault): void => {
        end();
        reject(new FaultError(f));
      };
      // Once one copy is queued an answer may come; a queue that refused every copy is full or away, and that is the answer.
      let queued = false;
      let refusal: Fault | undefined;
      let toCome: number = REPEATS_MS.length;
      // The queue is away, as it is for some seconds when the node of NATS that leads it is lost.
      let trying = false;
      const publish = async (): Promise<void> => {
        const refused = await enqueue(subject, bytes);
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
          later(AWAY_MS, () => {
            trying = false;
            void publish();
          }),
        );
      };
      const again = (): void => {
        toCome -= 1;
        void publish();
      };
      waiting.set(requestId, {
        resolve: (d) => {
          end();
          resolve(d);
        },
        reject: giveUp,
        publish: () => void publish(),
      });
      for (const ms of REPEATS_MS) timers.push(later(ms, again));
      timers.push(later(waits, () => giveUp(queued || !refusal ? fault('TIMEOUT') : refusal)));
      void publish();
    });

  return {
    ask: (subject, requestId, bytes, waits = waitsMs) => {
      const earlier = inFlight.get(requestId);
      if (earlier) return earlier;
      const asked = askOnce(subject, requestId, bytes, waits, () => inFlight.delete(requestId));
      inFlight.set(requestId, asked);
      return asked;
    },
    take: (bytes) => {
      const decoded = decode<typeof licenseDecision | typeof licenseFault>(
        [licenseDecision, licenseFault],
        bytes,
      );
      if (!decoded.ok) return false;
      const { type, body } = decoded.message;
      const w = waiting.get(body.requestId);
      if (!w) return true; // a repeat's answer, or one that came too late
      if (type === licenseDecision.type) {
        w.resolve(body as Decision);
        return true;
      }
      const { code, says } = body as Body<typeof licenseFault>;
      w.reject(fault(code, says));
      return true;
    },
    reconnected: () => {
      for (const w of waiting.values()) w.publish();
    },
    end: (why) => {
      for (const w of waiting.values()) w.reject(why);
    },
  };
};
