// What a decision costs as the state grows, and for how long a snapshot keeps the leader from its work: in this process, without
// servers, since both are about processor time only.

import { poolCounts } from '../../services/inventory/src/state/pools.ts';
import { randomBytes } from 'node:crypto';
import { encode } from '@calbus/contracts/envelope';
import { inventoryDecisionFacts, type DecisionFacts } from '@calbus/contracts/explain-messages';
import type { Allocation } from '@calbus/contracts/allocation-messages';
import { createLog } from '@calbus/runtime/log';
import { systemRandom as dice } from '../../services/inventory/src/adapters/system-random.ts';
import { decide as decideOne } from '../../services/inventory/src/rules/decide.ts';
import { dueReturns } from '../../services/inventory/src/rules/expiry.ts';
import type { DecisionContext } from '../../services/inventory/src/rules/ruling.ts';
import { evolve } from '../../services/inventory/src/state/evolve.ts';
import { decisionFactsOf } from '../../services/inventory/src/explain/decision-facts.ts';
import { freezeState } from '../../services/inventory/src/state/snapshot-entries.ts';
import { draftOf, type BaseState } from '../../services/inventory/src/state/state.ts';
import { createFollower } from '../../services/inventory/src/handlers/follow.ts';
import { chunksOf, newDigest } from '../../services/inventory/src/handlers/snapshot-bytes.ts';
import type { Ledger } from '../../services/inventory/src/ports.ts';
import { optionOf, type Benchmark, type Figure } from './benchmark.ts';
import { history } from './sample-history.ts';

const BATCH = 256;
const BATCHES = 200;
const WARM_UP = 50;

const nothing: Ledger = {
  append: async () => ({ kind: 'uncertain', why: 'nothing is appended here' }),
  async *readFrom() {},
};

const filled = (licenses: number, packs: number): BaseState => {
  const follower = createFollower(nothing, createLog('bench', 'warn'));
  const { batches } = history({ licenses, recordsPerBatch: 64, packs, until: Date.now() });
  let sequence = 0;
  for (const bytes of batches) follower.take({ sequence: (sequence += 1), bytes });
  return follower.state;
};

const request = (): Extract<Allocation, { kind: 'license' }> => ({
  kind: 'license',
  requestId: dice.id(),
  terminalServerId: 'ts-1',
  mode: 'per-device',
  version: '2022',
  hardwareId: randomBytes(20).toString('hex'),
  deviceName: 'desk-new',
  userKey: null,
  authenticatedBy: null,
  presented: { kind: 'none' },
  validatedLicenseId: null,
});

const timed = (act: () => void): number => {
  const started = performance.now();
  act();
  return performance.now() - started;
};

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

const contextOf = ({ head }: BaseState): DecisionContext => ({
  generation: head.generation,
  sequence: head.sequence + 1,
  at: Math.max(Date.now(), head.time),
  random: dice,
  storageNearlyFull: false,
});

/** Microseconds a request, for a batch of requests of new devices as the leader decides it, its counts included. */
const perRequest = (state: BaseState): number => {
  const c = contextOf(state);
  const batch = (): number => {
    const requests = Array.from({ length: BATCH }, request);
    const draft = draftOf(state);
    const ms = timed(() => {
      for (const q of requests) for (const r of decideOne(draft, q, c).records) evolve(draft, r, c);
      poolCounts(draft);
    });
    return (ms * 1_000) / BATCH;
  };
  return median(Array.from({ length: BATCHES + WARM_UP }, batch).slice(WARM_UP));
};

/** The same, with what each decision saw gathered and encoded as the message that is stored. */
const perRequestKept = (state: BaseState): { readonly us: number; readonly bytes: number } => {
  const c = contextOf(state);
  let bytes = 0;
  const batch = (): number => {
    const requests = Array.from({ length: BATCH }, request);
    const draft = draftOf(state);
    const ms = timed(() => {
      const decisions: DecisionFacts[] = [];
      for (const q of requests) {
        const { records, outcome, trace } = decideOne(draft, q, c);
        for (const r of records) evolve(draft, r, c);
        if (trace) decisions.push(decisionFactsOf(q, outcome, trace));
      }
      poolCounts(draft);
      bytes = encode(inventoryDecisionFacts, { id: 'm', sentAt: c.at }, { decisions }).byteLength / BATCH;
    });
    return (ms * 1_000) / BATCH;
  };
  return { us: median(Array.from({ length: BATCHES + WARM_UP }, batch).slice(WARM_UP)), bytes };
};

const figuresAt = (licenses: number, packs: number): Figure[] => {
  const state = filled(licenses, packs);
  const at = `at ${licenses.toLocaleString('en')} licenses:`;
  const decided = perRequest(state);
  const kept = perRequestKept(state);
  const due = timed(() => dueReturns(state, Date.now(), 2_500));
  const still = timed(() => freezeState(state, 0));
  const chunks = chunksOf(freezeState(state, 0), newDigest());
  const pieces: number[] = [];
  for (let done = false; !done;) pieces.push(timed(() => (done = chunks.next().done === true)));
  return [
    { what: `${at} to decide one request`, value: decided, unit: 'µs' },
    { what: `${at} to decide it and keep what was seen`, value: kept.us, unit: 'µs' },
    { what: `${at} what is kept of it`, value: kept.bytes, unit: 'bytes' },
    { what: `${at} to find what is due`, value: due, unit: 'ms' },
    { what: `${at} to take a still`, value: still, unit: 'ms', below: 20 },
    { what: `${at} a piece of a snapshot`, value: median(pieces), unit: 'ms', below: 20 },
    { what: `${at} the longest piece`, value: Math.max(...pieces), unit: 'ms', below: 20 },
  ];
};

export const decide: Benchmark = {
  name: 'decide',
  about: 'what a decision costs as the state grows, and how long a snapshot holds it up',
  options: [
    { name: 'licenses', about: 'issued licenses at most', byDefault: 1_000_000 },
    { name: 'packs', about: 'key packs', byDefault: 40 },
  ],
  run: async (options, say) => {
    const most = optionOf(options, 'licenses');
    const sizes = [...new Set([1_000, 100_000, most].filter((n) => n <= most))];
    const figures = sizes.flatMap((licenses) => {
      say(`Folding a ledger of ${licenses} licenses …`);
      return figuresAt(licenses, optionOf(options, 'packs'));
    });
    return { figures };
  },
};
