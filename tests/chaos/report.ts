// What a run came to, in figures, and as a table.

import type { Violation } from './checker/history.ts';
import { isCommitted, type Exchange } from './recorder.ts';

export type Struck = {
  readonly kind: string;
  /** Which process, where it is one. */
  readonly member: string | undefined;
  /** In a pair: the other fault. */
  readonly with: string | undefined;
  readonly losesLeader: boolean;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Until the first committed answer to a request that was asked after it; null where none came. */
  recoveryMs: number | null;
  /** Until Redis stood where the ledger stood when the fault had let go; null where it is no fault of Redis, or it did not. */
  redisMs: number | null;
  /** Until another inventory's first commit, where the leader was lost; null where no other led. */
  newLeaderMs: number | null;
};

export type Report = {
  readonly seed: number;
  readonly seconds: number;
  readonly nodes: number;
  readonly struck: readonly Struck[];
  readonly requests: number;
  readonly grants: number;
  readonly refusals: Readonly<Record<string, number>>;
  /** Faults as terminal servers saw them, by code. */
  readonly faults: Readonly<Record<string, number>>;
  readonly retries: number;
  readonly rows: Readonly<Record<string, number>>;
  readonly answerMs: Quantiles | null;
  readonly batches: number;
  readonly records: number;
  readonly voids: number;
  readonly dumps: number;
  readonly unexpectedEnds: Readonly<Record<string, number>>;
  readonly violations: readonly Violation[];
};

export type Quantiles = {
  readonly n: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
};

export const quantiles = (values: readonly number[]): Quantiles | null => {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const at = (q: number): number =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0);
  return { n: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
};

const tally = (keys: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const key of keys.toSorted()) counts[key] = (counts[key] ?? 0) + 1;
  return counts;
};

/** What the exchanges came to. */
export const figuresOf = (exchanges: readonly Exchange[]) => {
  const decisions = exchanges.flatMap(({ result }) => (result.kind === 'decision' ? [result.decision] : []));
  return {
    requests: exchanges.length,
    grants: decisions.filter((d) => d.outcome.kind !== 'refused').length,
    refusals: tally(decisions.flatMap((d) => (d.outcome.kind === 'refused' ? [d.outcome.code] : []))),
    faults: tally(exchanges.flatMap(({ result }) => (result.kind === 'fault' ? [result.code] : []))),
    rows: tally(decisions.map((d) => d.row)),
    answerMs: quantiles(exchanges.filter(isCommitted).map((e) => e.answeredAt - e.askedAt)),
  };
};

const listed = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([what, n]) => `${what} ${n}`)
    .join(', ') || 'none';

const line = (what: string, columns: readonly (number | string)[]): string =>
  what.padEnd(42) + columns.map((c) => String(c).padStart(8)).join('');

const known = (values: readonly (number | null)[]): number[] => values.filter((v) => v !== null);

const group = (
  title: string,
  struck: readonly Struck[],
  of: (s: Struck) => number | null,
  key: (s: Struck) => string,
): string[] => {
  const kinds = [...new Set(struck.map(key))].toSorted();
  const rows = kinds.map((kind) => {
    const own = struck.filter((s) => key(s) === kind);
    const q = quantiles(known(own.map(of)));
    return line(kind, [own.length, q?.p50 ?? '-', q?.p99 ?? '-', q?.max ?? '-']);
  });
  const all = quantiles(known(struck.map(of)));
  const total = line('all', [struck.length, all?.p50 ?? '-', all?.p99 ?? '-', all?.max ?? '-']);
  return ['', line(title, ['n', 'p50', 'p99', 'max']), ...rows, total];
};

export const tableOf = (r: Report): string => {
  const single = r.struck.filter((s) => s.with === undefined);
  const paired = r.struck.filter((s) => s.with !== undefined);
  const lost = r.struck.filter((s) => s.losesLeader);
  const ofRedis = r.struck.filter((s) => s.kind.startsWith('redis'));
  return [
    `seed ${r.seed}, ${r.seconds} s of load, ${r.nodes} node${r.nodes === 1 ? '' : 's'} of NATS`,
    `requests ${r.requests} (${r.retries} of them repeats), grants ${r.grants}`,
    `refusals: ${listed(r.refusals)}`,
    `faults returned: ${listed(r.faults)}`,
    `rows: ${listed(r.rows)}`,
    `ledger: ${r.batches} batches, ${r.records} records, ${r.voids} VOID; Redis read whole ${r.dumps} times`,
    `committed answers: p50 ${r.answerMs?.p50 ?? '-'} ms, p99 ${r.answerMs?.p99 ?? '-'} ms, max ${r.answerMs?.max ?? '-'} ms`,
    `services that ended by themselves: ${listed(r.unexpectedEnds)}`,
    ...group(
      'fault alone: ms to the next committed answer',
      single,
      (s) => s.recoveryMs,
      (s) => s.kind,
    ),
    ...group(
      'faults in pairs',
      paired,
      (s) => s.recoveryMs,
      () => 'any pair',
    ),
    ...group(
      'leader lost: ms to the next leader’s commit',
      lost,
      (s) => s.newLeaderMs,
      (s) => s.kind,
    ),
    ...group(
      'Redis back: ms until its counts are current',
      ofRedis,
      (s) => s.redisMs,
      (s) => s.kind,
    ),
    '',
    ...r.violations.map((v) => `VIOLATION ${v.invariant}: ${v.detail}`),
  ].join('\n');
};
