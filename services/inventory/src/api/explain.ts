// inventory.query.explain: finds what was kept of a decision and tries the rules on it again. Nothing of it is in memory: the
// messages are looked through from the newest on, piece by piece, by the bytes of the id that is asked for.

import { setImmediate as turn } from 'node:timers/promises';
import { decode, type Body, type Message } from '@calbus/contracts/envelope';
import {
  inventoryDecisionFacts,
  inventoryExplained,
  queryExplain,
  type DecisionFacts,
  type Explanation,
} from '@calbus/contracts/explain-messages';
import { fault, FaultError } from '@calbus/contracts/faults';
import { refusals } from '@calbus/contracts/refusals';
import type { Clock } from '@calbus/runtime/clock';
import { errorFacts, type Log } from '@calbus/runtime/log';
import { answerWith, type Answer } from '@calbus/runtime/responder';
import { traceRules } from '../explain/rule-trace.ts';
import type { DecisionStore } from '../ports.ts';

/** Bytes of the first piece that is looked through, and of each after it, as they are stored: packed, a twelfth. */
const FIRST_PIECE_BYTES = 256 * 1024;
const PIECE_BYTES = 2 * 1024 * 1024;
/** Bytes looked at before others get their turn. */
const SLICE_BYTES = 1024 * 1024;
/** No new piece after so long: whoever asks waits 3 s at most, and goes on from where this one left it. */
const SEARCH_TIMEOUT_MS = 1_200;

type Question = Body<typeof queryExplain>;

const wantedBy = (q: Question): { readonly needle: string; readonly fits: (f: DecisionFacts) => boolean } => {
  if ('requestId' in q)
    return { needle: `"requestId":"${q.requestId}"`, fits: (f) => f.asked.requestId === q.requestId };
  if ('hardwareId' in q)
    return { needle: `"hardwareId":"${q.hardwareId}"`, fits: (f) => f.asked.hardwareId === q.hardwareId };
  const key = q.userKey.toLowerCase();
  const fits = ({ asked }: DecisionFacts): boolean => asked.kind === 'license' && asked.userKey === key;
  return { needle: `"userKey":${JSON.stringify(key)}`, fits };
};

const explained = (facts: DecisionFacts): Explanation => {
  const { outcome } = facts;
  const { steps, agrees } = traceRules(facts);
  if (outcome.kind !== 'refused') return { facts, steps: [...steps], agrees, refusal: null };
  const { says, todo } = refusals[outcome.code];
  return { facts, steps: [...steps], agrees, refusal: { code: outcome.code, says, todo } };
};

export type ExplainDeps = {
  readonly store: Pick<DecisionStore, 'extent' | 'read'>;
  readonly clock: Clock;
  readonly log: Log;
};

export const explain = async (
  { store, clock, log }: ExplainDeps,
  { body }: Message<typeof queryExplain>,
): Promise<Answer> => {
  const { needle, fits } = wantedBy(body);
  const until = clock.monotonic() + SEARCH_TIMEOUT_MS;
  /** Newest first. A request that was asked again is explained by its first time, where that is kept. */
  let found: DecisionFacts[] = [];
  const repeats: DecisionFacts[] = [];

  const lookThrough = async (from: number, to: number): Promise<void> => {
    const here: DecisionFacts[] = [];
    let looked = 0;
    for await (const { bytes } of store.read(from, to)) {
      looked += bytes.byteLength;
      const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      if (buffer.includes(needle)) {
        const decoded = decode([inventoryDecisionFacts], bytes);
        for (const facts of decoded.ok ? decoded.message.body.decisions : []) {
          if (!fits(facts)) continue;
          if (facts.seen.kind === 'repeat') repeats.push(facts);
          else if (here.push(facts) > body.limit) here.shift();
        }
        looked = SLICE_BYTES;
      }
      if (looked < SLICE_BYTES) continue;
      looked = 0;
      await turn();
    }
    found = [...found, ...here.toReversed()].slice(0, body.limit);
  };

  try {
    const extent = await store.extent();
    let to = Math.min(body.before === undefined ? Infinity : body.before - 1, extent?.last ?? 0);
    const first = extent?.first ?? 1;
    const each = extent ? Math.max(1, extent.bytes / (extent.last - first + 1)) : 1;
    for (let piece = FIRST_PIECE_BYTES; to >= first && found.length < body.limit; piece = PIECE_BYTES) {
      if (clock.monotonic() > until) break;
      const from = Math.max(first, to - Math.ceil(piece / each) + 1);
      await lookThrough(from, to);
      to = from - 1;
    }
    const more = to >= first && found.length < body.limit;
    const explanations = (found.length > 0 ? found : repeats.slice(-1)).map(explained);
    return answerWith(inventoryExplained, { explanations, ...(more ? { before: to + 1 } : {}) });
  } catch (error) {
    const detail = 'What decisions saw cannot be read at the moment.';
    log.warn(errorFacts(error), 'what decisions saw cannot be read');
    throw new FaultError(fault('UNREACHABLE', detail));
  }
};
