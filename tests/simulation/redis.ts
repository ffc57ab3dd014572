// Redis in memory, as far as the live counts need it: each step of cache-scripts.ts does what its script does.

import { redisKeys } from '@calbus/contracts/redis-keys';
import type { CacheScripts } from '../../services/inventory/src/adapters/cache-scripts.ts';
import type { Head } from '../../services/inventory/src/state/state.ts';
import type { LiveHash } from '../../services/inventory/src/projections/live-counts.ts';
import type { Actor, Chance, Scheduler } from './scheduler.ts';
import { newTravel, type Trouble, type Wire } from './servers.ts';

type Fields = Readonly<Record<string, string>>;
export type Dump = {
  readonly head: Fields;
  readonly hashes: ReadonlyMap<string, Fields>;
  /** What stands there was put there by nobody who may. */
  readonly lies: boolean;
};

const TIMEOUT = 2_000;

const headOf = ({ generation, sequence, hash, time }: Head): Fields => ({
  generation,
  sequence: String(sequence),
  hash,
  at: String(time),
});

export const newRedis = (scheduler: Scheduler, chance: Chance, trouble: Trouble) => {
  const server = scheduler.actor('redis');
  const { call } = newTravel(scheduler, chance, trouble, server, true);
  let head: Fields = {};
  let hashes = new Map<string, Fields>();
  let lies = false;

  const set = (all: readonly LiveHash[]): void => {
    for (const { key, fields } of all)
      if (Object.keys(fields).length > 0) hashes.set(key, { ...hashes.get(key), ...fields });
  };
  const isBuilding = (word: string): boolean => head['building'] === word;

  const scriptsOf = (actor: Actor, wire: Wire): CacheScripts => {
    const run = <T>(act: () => T): Promise<T> => call(actor, wire, TIMEOUT, act);
    return {
      head: () =>
        run(() => {
          const { generation, sequence, hash, at } = head;
          if (!generation || !sequence || !hash) return undefined;
          return { generation, sequence: Number(sequence), hash, at: Number(at ?? 0) };
        }),
      commit: (before, after, changed) =>
        run(() => {
          const { generation, sequence, hash } = headOf(before);
          if (head['generation'] !== generation || head['sequence'] !== sequence || head['hash'] !== hash)
            return false;
          set(changed);
          head = headOf(after);
          return true;
        }),
      begin: (word) =>
        run(() => {
          head = { building: word };
          return true;
        }),
      write: (word, all) =>
        run(() => {
          if (isBuilding(word)) set(all);
          return isBuilding(word);
        }),
      remove: (word, keys) =>
        run(() => {
          if (isBuilding(word)) for (const key of keys) hashes.delete(key);
          return isBuilding(word);
        }),
      end: (word, at) =>
        run(() => {
          if (!isBuilding(word)) return false;
          head = headOf(at);
          lies = false;
          return true;
        }),
      scan: () => run(() => ['0', [redisKeys.head, ...hashes.keys()]]),
      reconnect: () => {},
    };
  };

  return {
    server,
    scriptsOf,
    dump: (): Dump => ({ head, hashes: new Map(hashes), lies }),
    flush: (): void => {
      head = {};
      hashes = new Map();
      lies = false;
    },
    /** Puts an earlier life in the place of this one. */
    restore: (dump: Dump): void => {
      head = dump.head;
      hashes = new Map(dump.hashes);
      ({ lies } = dump);
    },
    /** Says to be where the ledger is not. */
    lie: (): void => {
      head = { ...head, sequence: '999999', hash: 'beef' };
      lies = true;
    },
  };
};
export type Redis = ReturnType<typeof newRedis>;
