// The state as it stood at one batch, as entries; and back. What follows from other entries (who owns a license, what
// ends when) is not among them.

import { expiryOf } from './tables/license.ts';
import { unpackDevice } from './tables/packed-rows.ts';
import { emptyState, type BaseState, type Head } from './state.ts';
import { userEntryId, type UserEntry } from './tables/user-table.ts';
import { StringPool } from './tables/string-pool.ts';

/** Bumped with each change of what entries look like; what a record means has its own number, beside the fold. */
export const SNAPSHOT_FORMAT = 1;

/** A table, a key in it without control characters, and a value on one line. */
export type Entry = readonly [table: string, key: string, value: string];

/** Tables that stay small enough to be copied whole. */
const copiedTables = [
  'packs',
  'pools',
  'expiring',
  'terminalServers',
  'refusals',
  'commands',
  'endedEarly',
  'merges',
  'withheld',
  'sightings',
] as const;
type CopiedTable = (typeof copiedTables)[number];

/** A copy that stays as it is while the state goes on: of what is large only references are copied. */
export type FrozenState = Pick<BaseState, 'head' | 'devices' | 'users' | CopiedTable> & {
  /** How many messages up to here are VOID. */
  readonly voids: number;
  readonly words: readonly string[];
  readonly outcomes: ReturnType<BaseState['outcomes']['freeze']>;
};

export const freezeState = (state: BaseState, voids: number): FrozenState => ({
  head: state.head,
  voids,
  words: [...state.strings.list],
  packs: new Map(state.packs),
  pools: new Map(state.pools),
  expiring: new Map(state.expiring),
  terminalServers: new Map(state.terminalServers),
  refusals: new Map(state.refusals),
  commands: new Map(state.commands),
  endedEarly: new Map(state.endedEarly),
  merges: new Map(state.merges),
  withheld: new Map(state.withheld),
  sightings: new Map(state.sightings),
  users: state.users.freeze(),
  devices: state.devices.freeze(),
  outcomes: state.outcomes.freeze(),
});

export function* entriesOf(still: FrozenState): Generator<Entry> {
  yield ['head', '', JSON.stringify({ ...still.head, voids: still.voids })];
  for (const [n, word] of still.words.entries()) yield ['words', String(n), word];
  for (const name of copiedTables)
    for (const [key, value] of still[name]) yield [name, key, JSON.stringify(value)];
  for (const [hardwareId, row] of still.devices.entries()) yield ['devices', hardwareId, row];
  for (const [userKey, entries] of still.users.entries()) yield ['users', userKey, JSON.stringify(entries)];
  for (const [n, id] of still.outcomes.ids.entries()) yield ['outcomes', id, still.outcomes.rows[n] ?? ''];
}

export type RestoredState = { readonly state: BaseState; readonly voids: number };

/** Takes entries in the order they were given, and gives the state they make; throws where one is none of ours. */
export const createStateRestorer = (): {
  readonly take: (e: Entry) => void;
  readonly restored: () => RestoredState;
} => {
  const words = new StringPool();
  const state = emptyState(words);
  let voids = 0;
  const take = ([table, key, value]: Entry): void => {
    switch (table) {
      case 'head': {
        const { voids: n, ...head } = JSON.parse(value) as Head & { voids: number };
        state.head = head;
        voids = n;
        return;
      }
      case 'words':
        if (words.numberOf(value) !== Number(key)) throw new Error(`word ${key} is not in its place`);
        return;
      case 'devices':
        state.devices.setRow(key, value);
        for (const license of unpackDevice(value, key, words).licenses) {
          state.owners.set(license.licenseId, key);
          if (license.kind === 'full' && license.ended === 'no') state.licenseExpiry.add(expiryOf(license));
        }
        return;
      case 'users': {
        const entries = JSON.parse(value) as readonly UserEntry[];
        state.users.set(key, entries);
        for (const { version, notAfter } of entries)
          state.userExpiry.add({ id: userEntryId(key, version), notAfter });
        return;
      }
      case 'outcomes':
        state.outcomes.setRow(key, value);
        return;
      default: {
        const name = copiedTables.find((s) => s === table);
        if (name === undefined) throw new Error(`there is no table ${table}`);
        const known: Map<string, unknown> = state[name];
        known.set(key, JSON.parse(value));
      }
    }
  };
  return { take, restored: () => ({ state, voids }) };
};

/**
 * Whether the batch that led from one head to the other ends at a snapshot point: every so many records, more as the state grows,
 * so that snapshots cost the same share of the work. The same at each replica, which is why their digests can be compared.
 */
export const isSnapshotPoint = (before: Head, after: Head, every: number): boolean => {
  const growth = Math.max(0, Math.ceil(Math.log2(after.devices / 2 / every)));
  const step = every * 2 ** growth;
  return Math.floor(before.records / step) !== Math.floor(after.records / step);
};
