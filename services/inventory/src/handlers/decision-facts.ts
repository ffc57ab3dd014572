// Keeps what each decision saw. Gathered for a quarter of a second and stored as one message, since every message costs the
// server of the ledger a write to disk. No decision waits for it: what cannot be stored for long is dropped, and counted.

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

const GATHER_MS = 250;
/** So many come to about as many bytes as one message holds. */
const MANY = 256;
/** Of encoded messages that wait, in bytes. */
const MOST_WAITING = 16 * 1024 * 1024;
/** Of those that are not encoded yet. */
const MOST_GATHERED = 20_000;
const LAST_MS = 2_000;

/** To find the exact length would cost as much as to encode it twice. */
const aboutBytes = ({ seen }: DecisionFacts): number =>
  900 + (seen.kind === 'per-device' ? 140 * seen.held.length : 0);

export type DecisionFactsKeeper = {
  readonly keep: (facts: DecisionFacts) => void;
  readonly dropped: () => number;
  /** Stores what is there, if that can be done at once. */
  readonly stop: () => Promise<void>;
};

export const keepDecisionFacts = (
  store: Pick<DecisionStore, 'put'>,
  clock: Clock,
  log: Log,
): DecisionFactsKeeper => {
  let gathered: DecisionFacts[] = [];
  const waiting: { readonly id: string; readonly bytes: Uint8Array }[] = [];
  let waitingBytes = 0;
  let dropped = 0;
  let told = false;
  let wake = new AbortController();
  const end = new AbortController();

  const drop = (decisions: number): void => {
    dropped += decisions;
    if (told) return;
    told = true;
    log.warn({ dropped }, 'what decisions saw cannot be stored: they cannot be explained later');
  };
  const push = (decisions: DecisionFacts[]): void => {
    if (decisions.length === 0) return;
    const id = newId();
    const bytes = encode(inventoryDecisionFacts, { id, sentAt: clock.now() }, { decisions });
    const tooMany = waitingBytes + bytes.byteLength > MOST_WAITING;
    if (tooMany || bytes.byteLength > inventoryDecisionFacts.maxBytes) return drop(decisions.length);
    waiting.push({ id, bytes });
    waitingBytes += bytes.byteLength;
  };
  /** Message by message, so that decisions go on in between. */
  const encodeGathered = async (): Promise<void> => {
    const all = gathered;
    gathered = [];
    let together: DecisionFacts[] = [];
    let size = 0;
    for (const facts of all) {
      size += aboutBytes(facts);
      together.push(facts);
      if (size < DECISION_FACTS_BYTES) continue;
      push(together);
      together = [];
      size = 0;
      await clock.sleep(0);
    }
    push(together);
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
      await clock.sleep(GATHER_MS, AbortSignal.any([end.signal, wake.signal]));
      await encodeGathered();
      await send().catch((error: unknown) =>
        log.debug(errorFacts(error), 'what decisions saw cannot be stored now'),
      );
    }
  };
  const running = run();
  return {
    keep: (facts) => {
      if (gathered.length >= MOST_GATHERED) return drop(1);
      if (gathered.push(facts) === MANY) wake.abort();
    },
    dropped: () => dropped,
    stop: async () => {
      end.abort();
      const last = async (): Promise<void> => {
        await running;
        await encodeGathered();
        await send();
      };
      await Promise.race([last().catch(() => undefined), clock.sleep(LAST_MS)]);
    },
  };
};
