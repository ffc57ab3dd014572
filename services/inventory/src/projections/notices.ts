// Which events follow from what was committed and from what was answered. Each names what it is about; the same event about
// the same thing is one condition.

import type { EventName } from '@calbus/contracts/events';
import type { Allocation, Outcome } from '@calbus/contracts/allocation-messages';
import type { PoolCounts } from '@calbus/contracts/inventory-status-messages';
import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { RefusalCode } from '@calbus/contracts/refusals';
import { isClone } from '../state/device-names.ts';
import type { State } from '../state/state.ts';
import type { Settings } from '@calbus/contracts/settings';

export type Notice = { readonly event: EventName; readonly about: string };

export type StockLevel = 'enough' | 'low' | 'none' | 'over';

type StockSettings = Pick<Settings, 'perUser' | 'overdraft' | 'lowStockPercent'>;

const poolName = (p: { version: string; mode: string }): string =>
  `${p.version} ${p.mode === 'per-user' ? 'Per User' : 'Per Device'}`;

/** Users are counted against a pool as `perUser` says: it can be low where they are, and empty only where more are refused. */
const userLevel = (p: PoolCounts, { perUser, overdraft, lowStockPercent }: StockSettings): StockLevel => {
  if (perUser === 'unmonitored') return 'enough';
  if (perUser === 'enforced' && p.available + overdraft <= 0) return 'none';
  if (p.available < 0) return 'over';
  return p.available * 100 <= p.installed * lowStockPercent ? 'low' : 'enough';
};

const deviceLevel = (p: PoolCounts, { lowStockPercent }: StockSettings): StockLevel => {
  if (p.available <= 0) return 'none';
  return p.available * 100 <= p.installed * lowStockPercent ? 'low' : 'enough';
};

/** How much of each pool is left, and whether users are recorded beyond a Per User pool. */
export const stockLevels = (
  pools: readonly PoolCounts[],
  settings: StockSettings,
): ReadonlyMap<string, StockLevel> =>
  new Map(
    pools
      .filter((p) => p.installed > 0)
      .map((p) => [poolName(p), (p.mode === 'per-user' ? userLevel : deviceLevel)(p, settings)]),
  );

// Where users are refused, an overdraft is used before nothing is left.
const rank = { enough: 0, low: 1, over: 2, none: 3 } as const;
const stockEvents = {
  low: 'LOW_STOCK',
  none: 'NO_LICENSE_LEFT',
  over: 'PER_USER_OVER_ALLOCATED',
} as const satisfies Partial<Record<StockLevel, EventName>>;

/** Pools that have become emptier than they were. */
export const stockNotices = (
  before: ReadonlyMap<string, StockLevel>,
  after: ReadonlyMap<string, StockLevel>,
): Notice[] =>
  [...after].flatMap(([about, level]): Notice[] => {
    if (level === 'enough' || rank[level] <= rank[before.get(about) ?? 'enough']) return [];
    return [{ event: stockEvents[level], about }];
  });

export const recordNotices = (records: readonly LedgerRecord[]): Notice[] =>
  records.flatMap((r): Notice[] =>
    r.kind === 'leadership-taken'
      ? [{ event: 'LEADER_CHANGED', about: `replica ${r.replica}` }]
      : r.kind === 'cals-settled' && r.outcome === 'removed'
        ? [{ event: 'KEY_PACK_REMOVED', about: `key pack ${r.keyPackId}` }]
        : [],
  );

/** Devices whose names, by what was just recorded, take turns. */
export const cloneNotices = (state: State, records: readonly LedgerRecord[]): Notice[] =>
  records.flatMap((r): Notice[] => {
    const named = r.kind === 'device-seen' || r.kind === 'temporary-issued' || r.kind === 'full-issued';
    return named && isClone(state, r.hardwareId) ? [{ event: 'CLONE', about: `device ${r.hardwareId}` }] : [];
  });

const ofRefusal: Partial<Record<RefusalCode, EventName>> = {
  NOTHING_INSTALLED_FOR_PRODUCT: 'NOTHING_INSTALLED_FOR_PRODUCT',
  NOT_ACTIVATED: 'NOT_ACTIVATED',
  TERMINAL_SERVER_NOT_IN_GROUP: 'TERMINAL_SERVER_NOT_IN_GROUP',
  QUOTA: 'QUOTA',
};

export const outcomeNotices = (q: Allocation, { row, outcome }: Outcome): Notice[] => {
  const notices: Notice[] = [];
  if (q.kind !== 'license') return notices;
  const device = `device ${q.hardwareId}`;
  if (q.presented.kind === 'not-genuine') notices.push({ event: 'INVALID_LICENSE_PRESENTED', about: device });
  if (row === 'D10') notices.push({ event: 'TEMPORARY_EXPIRED', about: device });
  if (row === 'D2n') notices.push({ event: 'RENEWAL_FAILED', about: device });
  const event = outcome.kind === 'refused' ? ofRefusal[outcome.code] : undefined;
  if (event === 'NOTHING_INSTALLED_FOR_PRODUCT') notices.push({ event, about: poolName(q) });
  else if (event === 'NOT_ACTIVATED') notices.push({ event, about: 'the license server' });
  else if (event !== undefined) notices.push({ event, about: `terminal server ${q.terminalServerId}` });
  return notices;
};
