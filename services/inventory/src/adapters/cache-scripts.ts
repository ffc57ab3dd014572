// The steps of the cache in Redis, each a script of its own; what a script answers with 0 is false here.

import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { redisKeys } from '@calbus/contracts/redis-keys';
import type { LiveHash } from '../projections/live-counts.ts';
import type { Head } from '../state/state.ts';

const source = (file: string): string => readFileSync(new URL(file, import.meta.url), 'utf8');
/** For the scripts that write hashes: a function that they call. */
const setHash = source('set-hash.lua');
const commitScript = setHash + source('commit.lua');
const beginScript = source('rebuild-begin.lua');
const writeScript = setHash + source('rebuild-write.lua');
const endScript = source('rebuild-end.lua');

/** What a cache's head says. */
export type CacheHead = {
  readonly generation: string;
  readonly sequence: number;
  readonly hash: string;
  /** Ledger time. */
  readonly at: number;
};

const headArguments = ({ generation, sequence, hash, time }: Head): string[] => [
  generation,
  String(sequence),
  hash,
  String(time),
];
const texts = (hashes: readonly LiveHash[]): string[] => hashes.map((h) => JSON.stringify(h.fields));
const keysOf = (hashes: readonly LiveHash[]): string[] => hashes.map((h) => h.key);

/** The fields of the head as they are, whatever they are: generation, sequence, hash, at; null for each that is not there. */
export const readHead = (redis: Redis): Promise<(string | null)[]> =>
  redis.hmget(redisKeys.head, 'generation', 'sequence', 'hash', 'at');

export const cacheScripts = (redis: Redis) => {
  const run = async (script: string, keys: readonly string[], args: readonly string[]): Promise<boolean> =>
    (await redis.eval(script, keys.length, ...keys, ...args)) === 1;
  return {
    /** Undefined where there is none: the cache is empty, or being written again. */
    head: async (): Promise<CacheHead | undefined> => {
      const [generation, sequence, hash, at] = await readHead(redis);
      if (!generation || !sequence || !hash) return undefined;
      return { generation, sequence: Number(sequence), hash, at: Number(at ?? 0) };
    },
    /** True where the cache stood at `before`, and stands at `after` now. */
    commit: (before: Head, after: Head, hashes: readonly LiveHash[]): Promise<boolean> =>
      run(
        commitScript,
        [redisKeys.head, redisKeys.pools, ...keysOf(hashes)],
        [...headArguments(before).slice(0, 3), ...headArguments(after), ...texts(hashes)],
      ),
    begin: (word: string): Promise<boolean> => run(beginScript, [redisKeys.head], [word]),
    write: (word: string, hashes: readonly LiveHash[]): Promise<boolean> =>
      run(writeScript, [redisKeys.head, redisKeys.pools, ...keysOf(hashes)], [word, ...texts(hashes)]),
    remove: (word: string, keys: readonly string[]): Promise<boolean> =>
      run(writeScript, [redisKeys.head, redisKeys.pools, ...keys], [word, ...keys.map(() => '')]),
    end: (word: string, head: Head): Promise<boolean> =>
      run(endScript, [redisKeys.head], [word, ...headArguments(head)]),
    /** A part of the cache's keys, and where the next part begins; '0' after the last. */
    scan: (cursor: string, about: number): Promise<[string, string[]]> =>
      redis.scan(cursor, 'MATCH', redisKeys.all, 'COUNT', about),
    /** Ends the connection and makes a new one: one that is dead without a word would be waited on for ever. */
    reconnect: (): void => {
      if (redis.status === 'ready') redis.disconnect(true);
    },
  };
};
export type CacheScripts = ReturnType<typeof cacheScripts>;
