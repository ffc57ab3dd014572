// The live counts as they stand in Redis: a view of the state, key by key.

import { freeCals } from '../state/pools.ts';
import { redisKeys } from '@calbus/contracts/redis-keys';
import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { Device } from '../state/tables/license.ts';
import type { State } from '../state/state.ts';
import { valuesOf } from '../state/tables/table.ts';

export type LiveHash = { readonly key: string; readonly fields: Readonly<Record<string, string>> };

export type ChangedEntities = {
  readonly devices: ReadonlySet<string>;
  readonly terminalServers: ReadonlySet<string>;
};

/** What of the state the live counts show. */
export type LiveCountsSource = Pick<State, 'pools' | 'terminalServers'> & {
  readonly devices: { readonly values: () => Iterable<Device> };
};

const deviceHash = (device: Device): LiveHash => {
  const held = device.licenses.filter((l) => l.ended === 'no');
  return {
    key: redisKeys.device(device.hardwareId),
    fields: {
      name: device.licenses.at(-1)?.deviceName ?? '',
      temporary: String(held.filter((l) => l.kind === 'temporary').length),
      full: String(held.filter((l) => l.kind === 'full').length),
      licenses: JSON.stringify(
        held.map((l) => ({ id: l.licenseId, kind: l.kind, version: l.version, notAfter: l.notAfter })),
      ),
    },
  };
};

const terminalServerHash = (state: Pick<State, 'terminalServers'>, id: string): LiveHash => {
  const counts = state.terminalServers.get(id);
  const shown = ['temporary', 'full', 'renewed', 'refused'] as const;
  const fields = Object.fromEntries(shown.map((k) => [k, String(counts?.[k] ?? 0)]));
  return { key: redisKeys.terminalServer(id), fields };
};

/** Every pool there has been: one that is empty now has counts of zero, which take the place of its last ones. */
export const poolHashes = (state: Pick<State, 'pools'>): LiveHash[] =>
  valuesOf(state.pools).map((pool) => ({
    key: redisKeys.pool(pool.version, pool.mode),
    fields: {
      installed: String(pool.installed),
      issued: String(pool.issued),
      available: String(freeCals(pool)),
      temporary: String(pool.temporary),
      revoked: String(pool.revoked),
      reserved: String(pool.reserved),
      withheld: String(pool.withheld),
      deficit: String(pool.deficit),
    },
  }));

/** Whom a batch of records touches. */
export const changedEntities = (
  records: readonly LedgerRecord[],
  ownerOf: (licenseId: string) => string | undefined,
): ChangedEntities => {
  const devices = new Set<string>();
  const terminalServers = new Set<string>();
  for (const r of records) {
    if ('terminalServerId' in r) terminalServers.add(r.terminalServerId);
    if (r.kind === 'refusals-counted') for (const c of r.counts) terminalServers.add(c.terminalServerId);
    if ('hardwareId' in r) devices.add(r.hardwareId);
    const owner = 'licenseId' in r ? ownerOf(r.licenseId) : undefined;
    if (owner !== undefined) devices.add(owner);
    if (r.kind === 'devices-merged' || r.kind === 'merge-undone') devices.add(r.from);
  }
  return { devices, terminalServers };
};

/** The keys that a committed batch changes. */
export const changedHashes = (state: State, touched: ChangedEntities): LiveHash[] => [
  ...poolHashes(state),
  ...[...touched.devices].flatMap((id) => {
    const device = state.devices.get(id);
    return device ? [deviceHash(device)] : [];
  }),
  ...[...touched.terminalServers].map((id) => terminalServerHash(state, id)),
];

/** Every key there is, for rebuilding the cache. */
export function* allHashes(state: LiveCountsSource): Generator<LiveHash> {
  yield* poolHashes(state);
  for (const device of state.devices.values()) yield deviceHash(device);
  for (const id of state.terminalServers.keys()) yield terminalServerHash(state, id);
}
