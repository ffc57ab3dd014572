// The tables and figures of what was measured.

import type { Figure, Report, Table } from '../benchmark.ts';
import { processorOf, type Levels, type Measured } from './measured.ts';
import type { Results, Size } from './results.ts';
import { BUSY } from './stages.ts';

const at = (levels: Levels | undefined, inFlight: number): Measured => {
  const found = levels?.get(inFlight);
  if (!found) throw new Error(`Nothing was measured with ${inFlight} in flight.`);
  return found;
};

const rounded = (n: number, digits = 2): number => Number(n.toFixed(digits));
const latencies = ({ p50, p99, p999 }: { p50: number; p99: number; p999: number }): number[] =>
  [p50, p99, p999].map((ms) => rounded(ms, ms < 10 ? 2 : 0));

const throughput = (r: Results): Table => {
  const row = (who: string, levels: Levels, bare: Levels): (string | number)[][] =>
    [...levels].map(([inFlight, m]) => {
      const { postgres, kv } = r.references;
      const against = (other: Measured): number => rounded(m.perSecond / other.perSecond);
      return [
        who,
        inFlight,
        Math.round(m.perSecond),
        ...latencies(m),
        Math.round(at(bare, inFlight).perSecond),
        against(at(bare, inFlight)),
        against(at(postgres, inFlight)),
        against(at(kv, inFlight)),
        m.failed,
      ];
    });
  const { bare, postgres, kv } = r.references;
  return {
    title: 'Requests a second',
    columns: [
      '',
      'in flight',
      'a second',
      'p50 ms',
      'p99',
      'p99.9',
      'NATS beside it',
      ': NATS',
      ': PostgreSQL',
      ': KV',
      'failed',
    ],
    rows: [
      ...row('bare NATS, a license back', bare.license, bare.license),
      ...row('bare NATS, a word back', bare.word, bare.word),
      ...row('HTTP + PostgreSQL', postgres, bare.license),
      ...row('KV compare-and-set', kv, bare.license),
      ...r.kinds.flatMap((k) => row(`calbus, ${k.name}`, k.levels, k.bare)),
    ],
  };
};

const processor = (r: Results): Table => {
  const rows = r.kinds.map((k) => ({ name: k.name, m: at(k.levels, BUSY) }));
  const names = [...new Set(rows.flatMap(({ m }) => Object.keys(m.processor)))];
  return {
    title: `Processor seconds for 1,000 requests, ${BUSY} in flight (caller: the terminal server, which verifies)`,
    columns: ['', ...names, 'all'],
    rows: rows.map(({ name, m }) => [
      name,
      ...names.map((n) => rounded(m.processor[n] ?? 0, 3)),
      rounded(processorOf(m), 3),
    ]),
  };
};

const atHalf = (r: Results): Table => ({
  title: 'Latencies at half of that, requests coming whether or not earlier ones are answered',
  columns: ['', 'a second', 'p50 ms', 'p99', 'p99.9', 'p99 : p50', 'failed'],
  rows: r.atHalf.map(({ name, load }) => [
    name,
    load.asked,
    ...latencies(load),
    rounded(load.p99 / load.p50, 1),
    load.failed,
  ]),
});

const issuers = (r: Results): Table => ({
  title: `Issuers, new devices, ${BUSY} in flight`,
  columns: ['issuers', 'a second', 'p50 ms', 'p99', 'p99.9'],
  rows: r.issuers.map(({ count, grants }) => [count, Math.round(grants.perSecond), ...latencies(grants)]),
});

/** Fewer licenses are lost in what an empty inventory takes. */
const ENOUGH = 50_000;

/** What each further license adds, against the smallest ledger. */
const each = ({ sizes: [first] }: Results, s: Size, of: (s: Size) => number): string =>
  first && s.licenses - first.licenses >= ENOUGH
    ? String(Math.round((of(s) - of(first)) / (s.licenses - first.licenses)))
    : '';

const sizes = (r: Results): Table => ({
  title: 'By how many licenses were issued before',
  columns: [
    'licenses',
    'new devices a second',
    'processor ms for one',
    'start s',
    'ledger MB',
    'bytes a license',
    'inventory MB',
    'bytes a license',
  ],
  rows: r.sizes.map((s) => [
    s.licenses,
    Math.round(s.grants.perSecond),
    rounded(processorOf(s.grants), 3),
    rounded(s.startSeconds, 1),
    rounded(s.diskBytes / 1e6, 1),
    each(r, s, ({ diskBytes }) => diskBytes),
    Math.round(s.memoryBytes / 1e6),
    each(r, s, ({ memoryBytes }) => memoryBytes),
  ]),
});

const storm = ({ storm: s }: Results): Table[] =>
  s
    ? [
        {
          title: `A storm of ${s.devices.toLocaleString('en')} devices within ${s.within} s`,
          columns: [
            'answered',
            'failed',
            'p50 ms',
            'p99',
            'p99.9',
            'at most under way',
            'drained after s',
            'inventory MB',
          ],
          rows: [
            [
              s.acts,
              s.failed,
              ...latencies(s),
              s.mostUnderWay,
              rounded(s.drainedSeconds, 1),
              Math.round(s.inventoryBytes / 1e6),
            ],
          ],
        },
      ]
    : [];

/** What calbus wants to reach, and what it did. */
const goals = (r: Results): Figure[] => {
  const { append, postgres } = r.references;
  const kind = (name: string): Results['kinds'][number] => {
    const found = r.kinds.find((k) => k.name === name);
    if (!found) throw new Error(`"${name}" was not measured.`);
    return found;
  };
  const busy = (name: string): number => at(kind(name).levels, BUSY).perSecond;
  const toBare = (name: string): number => busy(name) / at(kind(name).bare, BUSY).perSecond;
  const unloaded = (name: string): number => append.p50 + 3 * at(kind(name).bare, 1).p50 + 1;
  const costs = r.sizes.map((s) => processorOf(s.grants));
  return [
    ...['new', 'upgrade'].flatMap((name): Figure[] => [
      {
        what: `${name}: requests a second, to bare NATS`,
        value: toBare(name),
        unit: '',
        above: 0.45,
      },
      {
        what: `${name}: requests a second, to HTTP + PostgreSQL`,
        value: busy(name) / at(postgres, BUSY).perSecond,
        unit: '',
        above: 10,
      },
      {
        what: `${name}: p50, one at a time`,
        value: at(kind(name).levels, 1).p50,
        unit: 'ms',
        below: unloaded(name),
      },
    ]),
    {
      what: 'known: requests a second, to bare NATS',
      value: toBare('known'),
      unit: '',
      above: 0.6,
    },
    {
      what: 'per user: requests a second, to bare NATS',
      value: toBare('per user'),
      unit: '',
      above: 0.6,
    },
    ...r.atHalf.map(({ name, load }): Figure => ({
      what: `${name}: p99 to p50, at half`,
      value: load.p99 / load.p50,
      unit: '',
      below: 10,
    })),
    ...(costs.length > 1
      ? [
          {
            what: 'processor time for a grant, the largest ledger to the smallest',
            value: (costs.at(-1) ?? Number.NaN) / (costs[0] ?? Number.NaN),
            unit: '',
            below: 1.15,
          } as const,
        ]
      : []),
  ];
};

export const reportOf = (r: Results): Report => ({
  tables: [
    throughput(r),
    processor(r),
    atHalf(r),
    issuers(r),
    ...(r.sizes.length > 0 ? [sizes(r)] : []),
    ...storm(r),
  ],
  figures: [
    { what: 'one durable JetStream append, p50', value: r.references.append.p50, unit: 'ms' },
    ...goals(r),
  ],
});
