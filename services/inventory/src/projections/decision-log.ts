// Keeps what each decision saw. Gathered for a quarter of a second and stored as one message, since every message costs the
// server of the ledger a write to disk. No decision waits for it: what cannot be stored for long is dropped, and counted.
//
// Each is written down at once, into one buffer that is used again and again, so that memory is bounded in bytes and no garbage is
// kept alive until the message is full.

import { encode } from '@calbus/contracts/envelope';
import {
  DECISION_FACTS_BYTES,
  inventoryDecisionFacts,
  type DecisionFacts,
} from '@calbus/contracts/explain-messages';
import type { Clock } from '@calbus/runtime/clock';
import { newId } from '@calbus/runtime/ids';
import { errorFacts, type Log } from '@calbus/runtime/log';
import type { DecisionStore } from '../ports.ts';

const BATCH_INTERVAL_MS = 250;
/** No decision sees more than this. */
const MAX_DECISION_BYTES = 131_072;
/** Of messages that wait, in bytes. */
const MAX_QUEUED_BYTES = 16 * 1024 * 1024;
const STOP_TIMEOUT_MS = 2_000;

export type DecisionLog = {
  readonly append: (facts: DecisionFacts) => void;
  readonly dropped: () => number;
  /** Stores what is there, if that can be done at once. */
  readonly stop: () => Promise<void>;
};

export const createDecisionLog = (store: Pick<DecisionStore, 'put'>, clock: Clock, log: Log): DecisionLog => {
  const buffer = Buffer.allocUnsafe(DECISION_FACTS_BYTES + MAX_DECISION_BYTES);
  let used = 0;
  let decisions = 0;
  const waiting: { readonly id: string; readonly bytes: Uint8Array }[] = [];
  let waitingBytes = 0;
  let dropped = 0;
  let told = false;
  let wake = new AbortController();
  const end = new AbortController();

  const drop = (number: number): void => {
    dropped += number;
    if (told) return;
    told = true;
    log.warn({ dropped }, 'what decisions saw cannot be stored: they cannot be explained later');
  };
  /** What is gathered becomes a message. */
  const seal = (): void => {
    if (decisions === 0) return;
    const id = newId();
    const frame = Buffer.from(encode(inventoryDecisionFacts, { id, sentAt: clock.now() }, { decisions: [] }));
    const place = frame.lastIndexOf('[') + 1;
    const bytes = Buffer.concat([frame.subarray(0, place), buffer.subarray(0, used), frame.subarray(place)]);
    if (waitingBytes + bytes.byteLength > MAX_QUEUED_BYTES) drop(decisions);
    else {
      waiting.push({ id, bytes });
      waitingBytes += bytes.byteLength;
    }
    used = 0;
    decisions = 0;
  };
  const send = async (): Promise<void> => {
    for (let next = waiting[0]; next; next = waiting[0]) {
      await store.put(next.bytes, next.id);
      waiting.shift();
      waitingBytes -= next.bytes.byteLength;
      if (told) log.info({ dropped }, 'what decisions see is stored again');
      told = false;
    }
  };
  const run = async (): Promise<void> => {
    while (!end.signal.aborted) {
      wake = new AbortController();
      await clock.sleep(BATCH_INTERVAL_MS, AbortSignal.any([end.signal, wake.signal]));
      seal();
      await send().catch((error: unknown) =>
        log.debug(errorFacts(error), 'what decisions saw cannot be stored now'),
      );
    }
  };
  const running = run();
  return {
    append: (facts) => {
      const text = JSON.stringify(facts);
      // A character is three bytes at most.
      if (text.length * 3 + 1 > MAX_DECISION_BYTES) return drop(1);
      if (decisions > 0) used += buffer.write(',', used);
      used += buffer.write(text, used);
      decisions += 1;
      if (used < DECISION_FACTS_BYTES) return;
      seal();
      wake.abort();
    },
    dropped: () => dropped,
    stop: async () => {
      end.abort();
      const last = async (): Promise<void> => {
        await running;
        seal();
        await send();
      };
      await Promise.race([last().catch(() => undefined), clock.sleep(STOP_TIMEOUT_MS)]);
    },
  };
};
