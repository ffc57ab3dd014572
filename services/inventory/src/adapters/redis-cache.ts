// The live counts in Redis. Batches are applied in order, each on the one before it; whenever that does not
// fit (Redis was empty, restarted, behind, ahead or lying) everything is written anew from the state.

import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { redisKeys } from '@calbus/contracts/redis-keys';
import type { Clock } from '@calbus/runtime/clock';
import { errorFacts, type Log } from '@calbus/runtime/log';
import { allHashes, type LiveHash } from '../domain/live-counts.ts';
import type { BaseState, Head } from '../domain/state.ts';
import type { Cache } from '../ports.ts';

const script = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');
const commitScript = script('commit.lua');
const writeScript = script('write.lua');
const COMPARE_MS = 2_000;
const MOST_WAITING = 2_000;
const CHUNK = 100;

type Step = { readonly before: Head; readonly after: Head; readonly hashes: readonly LiveHash[] };

const take = <T>(from: Iterator<T>, most: number): T[] => {
  const taken: T[] = [];
  while (taken.length < most) {
    const next = from.next();
    if (next.done) break;
    taken.push(next.value);
  }
  return taken;
};

export type RedisCache = Cache & { readonly ended: Promise<void> };

export const redisCache = (
  redis: Redis,
  state: BaseState,
  clock: Clock,
  log: Log,
  signal: AbortSignal,
  /** Whether what Redis holds may be written over; asked before anything is written. */
  mayReplace: () => Promise<boolean> = () => Promise.resolve(true),
): RedisCache => {
  let steps: Step[] = [];
  let leading = false;
  let dirty = true;
  let projected: Head | undefined;
  let status: ReturnType<Cache['status']> = 'behind';
  let wake = new AbortController();

  const apply = async ({ before, after, hashes }: Step): Promise<boolean> => {
    const keys = [redisKeys.head, redisKeys.pools, ...hashes.map((h) => h.key)];
    const args = [
      before.generation,
      String(before.sequence),
      before.hash,
      after.generation,
      String(after.sequence),
      after.hash,
      String(after.time),
      ...hashes.map((h) => JSON.stringify(h.fields)),
    ];
    return (await redis.eval(commitScript, keys.length, ...keys, ...args)) === 1;
  };

  /** Writes every key anew. The head is taken away first and set last, so that a reader never sees counts of two heads as one. */
  const rebuild = async (): Promise<void> => {
    steps = [];
    dirty = false;
    const head = state.head;
    // The state goes on changing while this is written; what changes after `head` comes as steps.
    const { pools, terminalServers, devices } = state;
    const all = allHashes({
      pools: new Map(pools),
      terminalServers: new Map(terminalServers),
      devices: devices.still(),
    });
    await redis.del(redisKeys.head);
    let cursor = '0';
    do {
      const [next, keys] = await redis.scan(cursor, 'MATCH', redisKeys.all, 'COUNT', CHUNK);
      cursor = next;
      if (keys.length > 0) await redis.unlink(...keys);
    } while (cursor !== '0');
    let written = 0;
    for (let chunk = take(all, CHUNK); chunk.length > 0; chunk = take(all, CHUNK)) {
      const keys = [redisKeys.pools, ...chunk.map((h) => h.key)];
      await redis.eval(writeScript, keys.length, ...keys, ...chunk.map((h) => JSON.stringify(h.fields)));
      written += chunk.length;
    }
    const { generation, sequence, hash, time } = head;
    await redis.hset(redisKeys.head, { generation, sequence: String(sequence), hash, at: String(time) });
    projected = head;
    log.info({ sequence, keys: written }, 'the live counts were written anew');
  };

  const compare = async (): Promise<void> => {
    const [sequence, hash] = await redis.hmget(redisKeys.head, 'sequence', 'hash');
    if (sequence !== String(projected?.sequence) || hash !== projected?.hash) dirty = true;
  };

  const turn = async (): Promise<void> => {
    if (!(await mayReplace())) throw new Error('what Redis holds was not seen yet');
    // A waiting step compares by itself, in the same round trip that applies it.
    if (steps.length === 0) await compare();
    if (dirty) await rebuild();
    let step = steps.shift();
    while (step && !dirty && leading) {
      if (await apply(step)) projected = step.after;
      else dirty = true;
      step = dirty ? undefined : steps.shift();
    }
    status = dirty || steps.length > 0 ? 'behind' : 'current';
  };

  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      if (leading) {
        try {
          await turn();
        } catch (error) {
          dirty = true;
          if (status !== 'unreachable')
            log.warn({ event: 'CACHE_BEHIND', ...errorFacts(error) }, 'Redis cannot be written');
          status = 'unreachable';
          await clock.sleep(500, signal);
        }
      }
      if (steps.length > 0 && leading) continue;
      wake = new AbortController();
      await clock.sleep(dirty ? 200 : COMPARE_MS, AbortSignal.any([signal, wake.signal]));
    }
  };

  return {
    committed: (before, after, hashes) => {
      if (steps.length >= MOST_WAITING) {
        steps = [];
        dirty = true;
      }
      if (!dirty) steps.push({ before, after, hashes });
      wake.abort();
    },
    lead: () => {
      leading = true;
      dirty = true;
      wake.abort();
    },
    follow: () => {
      leading = false;
      steps = [];
    },
    status: () => status,
    ended: run(),
  };
};
