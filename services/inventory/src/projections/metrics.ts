// What inventory counts, and what of its state is shown to Prometheus. Everything but the counts is looked up when somebody asks.

import { poolCounts } from '../state/pools.ts';
import { eventNames, type EventName } from '@calbus/contracts/events';
import type { Clock } from '@calbus/runtime/clock';
import { SECONDS, SIZES, type Labels, type Metrics } from '@calbus/runtime/metrics';
import { expiryCounts } from './expiry-counts.ts';
import { currentActivation, isActivated, type BaseState } from '../state/state.ts';
import type { CommitCounts } from '../handlers/group-commit.ts';
import type { QueueStatus } from '../adapters/request-queue.ts';

export const countCommits = (metrics: Metrics): CommitCounts => {
  const size = metrics.spread(
    'calbus_commit_commands',
    'Commands that were committed to the ledger as one batch.',
    SIZES,
  );
  const seconds = metrics.spread(
    'calbus_commit_seconds',
    'How long the append of a batch to the ledger took, in seconds.',
    SECONDS,
  );
  const uncertain = metrics.count(
    'calbus_appends_uncertain_total',
    'Appends after which the ledger had to be read to know whether they were stored.',
  );
  return {
    committed: (commands, ms) => {
      size(commands);
      seconds(ms / 1_000);
    },
    uncertain,
  };
};

export const countEvents = (metrics: Metrics): ((event: EventName) => void) =>
  metrics.countBy(
    'calbus_events_total',
    'Events for operators that this replica raised.',
    'event',
    eventNames,
  );

/** What the rest of inventory knows of itself. */
export type MetricsSource = {
  readonly state: BaseState;
  readonly leads: () => boolean;
  readonly isLost: () => boolean;
  readonly isClockSuspect: () => boolean;
  readonly voids: () => number;
  readonly storageUsed: () => number | undefined;
  readonly isCacheCurrent: () => boolean;
  /** The ledger time at which the live counts are true. */
  readonly cacheAsOf: () => number | undefined;
  readonly queue: () => QueueStatus | undefined;
  readonly clock: Clock;
};

const flag = (holds: boolean): number => (holds ? 1 : 0);

const showLedger = (metrics: Metrics, s: MetricsSource): void => {
  const { state } = s;
  metrics.value('calbus_leading', 'Whether this replica leads: 1, or 0.', () => flag(s.leads()));
  metrics.value('calbus_term', 'The term of the last batch of the ledger.', () => state.head.term);
  metrics.value(
    'calbus_ledger_sequence',
    'The place of the last batch that was read.',
    () => state.head.sequence,
  );
  metrics.value('calbus_ledger_records', 'Records in the ledger so far.', () => state.head.records);
  metrics.value(
    'calbus_ledger_void_messages',
    'Messages in the ledger that do not follow its chain.',
    s.voids,
  );
  metrics.value(
    'calbus_ledger_storage_used_ratio',
    "How much of the ledger's storage is used, from 0 to 1; absent where it has no limit.",
    s.storageUsed,
  );
  metrics.value('calbus_ledger_lost', 'Whether something of the ledger is known to be lost.', () =>
    flag(s.isLost()),
  );
  metrics.value('calbus_clock_suspect', "Whether the leader's clock departs from others.", () =>
    flag(s.isClockSuspect()),
  );
};

const showCache = (metrics: Metrics, s: MetricsSource): void => {
  metrics.value('calbus_cache_current', 'Whether the live counts in Redis are those of the ledger.', () =>
    flag(s.isCacheCurrent()),
  );
  metrics.value(
    'calbus_cache_lag_seconds',
    'How far the live counts in Redis are behind, in ledger time; absent where Redis was never read.',
    () => {
      const asOf = s.cacheAsOf();
      return asOf === undefined ? undefined : Math.max(0, s.state.head.time - asOf) / 1_000;
    },
  );
};

const showQueue = (metrics: Metrics, s: MetricsSource): void => {
  metrics.value(
    'calbus_request_queue_depth',
    'Requests in the queue that are not answered yet.',
    () => s.queue()?.waiting,
  );
  metrics.value(
    'calbus_request_queue_oldest_seconds',
    'How long the oldest of them has waited, in seconds.',
    () => {
      const queue = s.queue();
      return queue && queue.oldestMs / 1_000;
    },
  );
};

const stock = {
  calbus_cals_installed: ['installed', 'CALs installed.'],
  calbus_cals_issued: ['issued', 'CALs that a license or a user holds.'],
  calbus_cals_available: ['available', 'CALs that are free.'],
  calbus_licenses_temporary: ['temporary', 'Temporary licenses in date.'],
  calbus_licenses_revoked: ['revoked', 'Revoked licenses that would be in date.'],
} as const;

const showStock = (metrics: Metrics, { state, clock }: MetricsSource): void => {
  for (const [name, [count, help]] of Object.entries(stock)) {
    metrics.values(name, `${help} By version and licensing mode.`, ['version', 'mode'], () =>
      poolCounts(state).map((pool): [Labels, number] => [
        { version: pool.version, mode: pool.mode },
        pool[count] ?? 0,
      ]),
    );
  }
  metrics.values(
    'calbus_licenses_expiring',
    'Licenses that end within so many days; most are renewed before.',
    ['kind', 'days'],
    () =>
      expiryCounts(state, clock.now()).map(({ kind, days, licenses }): [Labels, number] => [
        { kind, days: String(days) },
        licenses,
      ]),
  );
  metrics.value('calbus_activated', 'Whether full licenses are issued: activated, and in date.', () =>
    flag(isActivated(state.head, clock.now())),
  );
  metrics.value(
    'calbus_certificate_left_seconds',
    'How long the certificate of the license server is still in date; absent before the activation.',
    () => {
      const active = currentActivation(state.head);
      return active && (active.certificateNotAfter - clock.now()) / 1_000;
    },
  );
};

export const registerMetrics = (metrics: Metrics, s: MetricsSource): void => {
  showLedger(metrics, s);
  showCache(metrics, s);
  showQueue(metrics, s);
  showStock(metrics, s);
};
