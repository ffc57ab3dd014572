// The live counts in Redis. What was committed is applied in order, each step on the one before it; whenever that does not
// fit (Redis was empty, restarted, behind, ahead or lying) everything is written anew from the state. Commits never wait
// for any of this. A standby only looks, so that every replica can say how far the counts are.

import { redisKeys } from '@calbus/contracts/redis-keys';
import type { Clock } from '@calbus/runtime/clock';
import { newId } from '@calbus/runtime/ids';
import { errorFacts, type Log } from '@calbus/runtime/log';
import { allHashes, type LiveHash } from './live-counts.ts';
import type { BaseState, Head } from '../state/state.ts';
import type { Cache } from '../ports.ts';
import type { CacheHead, CacheScripts } from '../adapters/cache-scripts.ts';
import { createPendingSteps, type CacheStep } from './pending-steps.ts';

const POLL_INTERVAL_MS = 2_000;
/** What is committed within this time becomes one step: nobody sees the difference, and a script each would cost as much as the commits. */
const BATCH_INTERVAL_MS = 25;
const RETRY_DELAY_MS = 500;
/** Counts that are younger than this are current. */
const MAX_LAG_MS = 1_000;
/** Keys of one command: a few milliseconds of work, here and in Redis. */
const CHUNK_KEYS = 500;
/** After so many failures in a row the connection itself is doubted. */
const RECONNECT_AFTER_FAILURES = 2;

export type RedisCache = Cache & {
  /** The ledger time at which the counts are true, as far as this replica knows. */
  readonly asOf: () => number | undefined;
  readonly ended: Promise<void>;
};

/** Redis answers, and says no: it is full, or read-only. */
const isRefusal = (error: unknown): boolean => error instanceof Error && error.name === 'ReplyError';

export const redisCache = (
  scripts: CacheScripts,
  state: BaseState,
  clock: Clock,
  log: Log,
  signal: AbortSignal,
  /** Whether what Redis holds may be written over; asked before anything is written. */
  mayReplace: () => Promise<boolean> = () => Promise.resolve(true),
): RedisCache => {
  const waiting = createPendingSteps();
  let leading = false;
  /** `stale`: to be written anew; `rebuilding`: being written, while what is committed gathers; `following`: step by step. */
  let mode: 'stale' | 'rebuilding' | 'following' = 'following';
  let underWay: CacheStep | undefined;
  let seen: CacheHead | undefined;
  /** Where the ledger was at the last look: by the next one Redis must be there, too. */
  let expected = 0;
  let lagging = true;
  let trouble: 'none' | 'refused' | 'unreachable' = 'none';
  let wake = new AbortController();

  const note = ({ generation, sequence, hash, time }: Head): void => {
    seen = { generation, sequence, hash, at: time };
  };

  const look = async (): Promise<void> => {
    const wanted = expected;
    expected = state.head.sequence;
    seen = await scripts.head();
    lagging = seen?.generation !== state.head.generation || seen.sequence < wanted;
    if (!leading || !waiting.isEmpty()) return;
    const { generation, sequence, hash } = state.head;
    if (seen?.generation !== generation || seen.sequence !== sequence || seen.hash !== hash) mode = 'stale';
  };

  const writeAll = async (word: string, hashes: Iterable<LiveHash>): Promise<boolean> => {
    let chunk: LiveHash[] = [];
    for (const h of hashes) {
      if (chunk.push(h) < CHUNK_KEYS) continue;
      if (!leading || !(await scripts.write(word, chunk))) return false;
      chunk = [];
    }
    return leading && (await scripts.write(word, chunk));
  };

  const removeAll = async (word: string): Promise<boolean> => {
    let cursor = '0';
    do {
      const [next, keys] = await scripts.scan(cursor, CHUNK_KEYS);
      cursor = next;
      const own = keys.filter((k) => k !== redisKeys.head);
      if (own.length > 0 && !(await scripts.remove(word, own))) return false;
    } while (cursor !== '0' && leading);
    return leading;
  };

  /**
   * The keys are those of this moment, read a chunk at a time; what is committed meanwhile gathers and is written on top, and
   * only then there is a head again. False where another took the cache over, or it was flushed.
   */
  const rebuild = async (): Promise<boolean> => {
    const word = newId();
    const { pools, terminalServers, devices } = state;
    const still = {
      pools: new Map(pools),
      terminalServers: new Map(terminalServers),
      devices: devices.freeze(),
    };
    let { head } = state;
    waiting.forget();
    mode = 'rebuilding';
    if (!(await scripts.begin(word)) || !(await removeAll(word))) return false;
    if (!(await writeAll(word, allHashes(still)))) return false;
    const step = waiting.take();
    if (step && !(await writeAll(word, step.hashes))) return false;
    head = step?.after ?? head;
    // Too much was committed meanwhile, and was forgotten.
    if (mode !== 'rebuilding' || !(await scripts.end(word, head))) return false;
    note(head);
    log.info({ sequence: head.sequence }, 'the live counts were written anew');
    return true;
  };

  const lead = async (): Promise<void> => {
    // A waiting step compares by itself, in the same round trip that applies it.
    if (waiting.isEmpty() || mode === 'stale') await look();
    if (!(await mayReplace())) {
      mode = 'stale';
      return;
    }
    if (mode !== 'following') {
      mode = (await rebuild()) ? 'following' : 'stale';
      return;
    }
    underWay = waiting.take();
    if (!underWay) return;
    if (!(await scripts.commit(underWay.before, underWay.after, underWay.hashes))) {
      mode = 'stale';
      return;
    }
    note(underWay.after);
    underWay = undefined;
    await clock.sleep(BATCH_INTERVAL_MS, signal);
  };

  const run = async (): Promise<void> => {
    let failures = 0;
    while (!signal.aborted) {
      try {
        await (leading ? lead() : look());
        failures = 0;
        trouble = 'none';
      } catch (error) {
        if (leading) mode = 'stale';
        if (trouble === 'none')
          log.warn({ event: 'CACHE_BEHIND', ...errorFacts(error) }, 'Redis cannot be used');
        trouble = isRefusal(error) ? 'refused' : 'unreachable';
        failures += 1;
        if (trouble === 'unreachable' && failures % RECONNECT_AFTER_FAILURES === 0) scripts.reconnect();
      } finally {
        underWay = undefined;
      }
      if (leading && trouble === 'none' && mode === 'following' && !waiting.isEmpty()) continue;
      wake = new AbortController();
      const stale = leading && mode !== 'following';
      await clock.sleep(stale ? RETRY_DELAY_MS : POLL_INTERVAL_MS, AbortSignal.any([signal, wake.signal]));
    }
  };

  const isBehind = (): boolean => {
    if (!leading) return lagging;
    const since = underWay?.since ?? waiting.since();
    return mode !== 'following' || (since !== undefined && clock.monotonic() - since > MAX_LAG_MS);
  };

  return {
    committed: (before, after, hashes) => {
      if (mode !== 'stale' && !waiting.add(before, after, hashes, clock.monotonic())) mode = 'stale';
      // What is broken is tried again in its own time, not with each commit. Without the null an error would be made of each.
      if (mode === 'following' && trouble === 'none') wake.abort(null);
    },
    lead: () => {
      leading = true;
      wake.abort();
    },
    follow: () => {
      leading = false;
      waiting.forget();
      mode = 'following';
    },
    status: () =>
      trouble === 'unreachable' ? 'unreachable' : trouble === 'refused' || isBehind() ? 'behind' : 'current',
    asOf: () => seen?.at,
    ended: run(),
  };
};
