// Random stories of a license server, checked after every step against a model that folds the ledger by its own rules.

import { poolAfterPackChange, poolCounts, setPool } from '../state/pools.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { createAuditedState } from '@calbus/audit/audited-state';
import type { LicenseFacts } from '@calbus/contracts/license';
import type { DecisionFacts } from '@calbus/contracts/explain-messages';
import type { Outcome } from '@calbus/contracts/allocation-messages';
import type { LedgerBatch, LedgerRecord } from '@calbus/contracts/ledger';
import { rows } from '@calbus/contracts/rows';
import { compareVersions, productVersions, type ProductVersion } from '@calbus/contracts/versions';
import { applyBatch, voidReason } from '../state/fold.ts';
import { DAY_MS, HOUR_MS } from '@calbus/contracts/durations';
import { emptyState, type Pack, type State } from '../state/state.ts';
import {
  earlierLicense,
  hw,
  createScenario,
  type RequestOptions,
  type Scenario,
} from '@calbus/test-support/inventory/scenario';
import { valuesOf } from '../state/tables/table.ts';
import { traceRules } from '../explain/rule-trace.ts';
import { freeInPack } from './withheld-cals.ts';

const MINUTE = 60_000;
/** How long a request id has one outcome; said here anew, not taken from the service. */
const REMEMBERED = 10 * MINUTE;
const device = fc.integer({ min: 1, max: 3 });
// Some versions more often than others, so that stories come back to the same pools.
const version = fc.constantFrom<ProductVersion>('2003', '2003', '2003', '2008', '2008', ...productVersions);
const mode = fc.constantFrom('per-device', 'per-device', 'per-user');
const minutes = fc.constantFrom(1, 9, 10, 11, 59, 61).map((n) => n * MINUTE);
const days = fc.constantFrom(1, 7, 30, 60, 90, 200).map((n) => n * DAY_MS);
// Before a license's end: in the renewal lead, just live, over but not due, due.
const before = fc.constantFrom(6 * DAY_MS, MINUTE, -30 * MINUTE, -HOUR_MS);
const user = fc.constantFrom('d\\ann', 'd\\bob', 'd\\cid');
const is = <K extends string>(kind: K) => fc.constant(kind);

const step = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({ do: is('activate'), for: fc.constantFrom(DAY_MS, 60 * DAY_MS, 3_650 * DAY_MS) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: is('install'), quantity: fc.integer({ min: 1, max: 2 }), version, mode }),
  },
  {
    weight: 16,
    arbitrary: fc.record({
      do: is('ask'),
      device,
      version,
      mode,
      user: fc.option(user, { freq: 6 }),
      reports: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: is('repeat'), back: fc.integer({ min: 0, max: 3 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: is('log-on'), device, right: fc.constantFrom(true, true, false) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: is('wait'), ms: fc.oneof(minutes, days, fc.constantFrom(-HOUR_MS, HOUR_MS)) }),
  },
  { weight: 3, arbitrary: fc.record({ do: is('wait-for-end'), device, before }) },
  { weight: 3, arbitrary: fc.record({ do: is('wait-for-user'), user, before }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: is('count-users'),
      perUser: fc.constantFrom('unmonitored', 'tracked', 'enforced', 'enforced'),
      overdraft: fc.constantFrom(0, 0, 1),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: is('return-due') }) },
  { weight: 1, arbitrary: fc.record({ do: is('prevent-upgrade'), on: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: is('revoke'), device }) },
  { weight: 1, arbitrary: fc.record({ do: is('limit-revocation'), to: fc.constantFrom('fifth', 'none') }) },
  { weight: 2, arbitrary: fc.record({ do: is('merge'), device, into: device }) },
  { weight: 2, arbitrary: fc.record({ do: is('undo-merge'), device }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: is('show-lost'),
      device,
      version,
      lasts: days,
      // Up to 10 what was before has survived.
      sequence: fc.constantFrom(10, 11, 20),
      within: fc.constantFrom('report', 'request'),
      of: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: is('deactivate') }) },
  { weight: 1, arbitrary: fc.record({ do: is('restored') }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: is('withhold'),
      pack: fc.integer({ min: 0, max: 3 }),
      quantity: fc.integer({ min: 1, max: 2 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: is('settle'), outcome: fc.constantFrom('removed', 'given-back') }),
  },
  { weight: 2, arbitrary: fc.record({ do: is('reserve'), quantity: fc.constantFrom(1, 2), version }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
const told = fc.record({
  /** Whether the story begins activated and with CALs, so that more of it is about them. */
  ready: fc.boolean(),
  /** How users are counted then. */
  perUser: fc.constantFrom('unmonitored', 'tracked', 'enforced'),
  rolls: fc.array(fc.integer({ min: 52, max: 89 }), { minLength: 1, maxLength: 5 }),
  steps: fc.array(step, { maxLength: 60, size: 'max' }),
});
type Told = typeof told extends fc.Arbitrary<infer T> ? T : never;

type Asked = Omit<RequestOptions, 'shows'> & {
  readonly shows?: LicenseFacts;
  readonly deviceName: string;
  readonly requestId: string;
  readonly device: number;
  readonly version: ProductVersion;
};

/** Tells the story and gives what is wrong with it. `meddle` spoils the state before each step. */
const tell = (
  { ready, perUser, rolls, steps }: Told,
  meddle?: (s: Scenario) => void,
  seen = new Set<string>(),
): string[] => {
  const violations: string[] = [];
  const wrong = (what: string): void => void violations.push(what);
  const s = createScenario(rolls);
  const model = createAuditedState((v) => wrong(`${v.invariant}: ${v.says}`));
  const refusals = new Map<number, Extract<LedgerRecord, { kind: 'refused' }> & { at: number }>();
  const batches: { batch: LedgerBatch; sequence: number; hash: string }[] = [];
  const asked: Asked[] = [];
  const recorded = new Map<string, Outcome>();
  const lastOf = new Map<number, string>();
  const withheld: string[] = [];
  let handed = 0;

  /** Hands what was appended since to the model; no step appends more than one batch. */
  const follow = () => {
    const records = s.records.slice(handed);
    handed = s.records.length;
    if (records.length === 0) return records;
    const { sequence, hash, time: at } = s.state.head;
    const prevHash = batches.at(-1)?.hash ?? emptyState().head.hash;
    const batch = { format: 1, generation: 'g', term: 1, nonce: 'n', prevHash, at, records } as const;
    batches.push({ batch, sequence, hash });
    model.fold(records, at, sequence);
    for (const r of records) if (r.kind === 'refused') refusals.set(sequence, { ...r, at });
    return records;
  };
  const now = (): number => Math.max(s.now, s.state.head.time);

  const userAnswered = (q: Asked, { row, outcome, position }: Outcome): void => {
    if (outcome.kind === 'per-user') {
      const { userKey, version, notAfter } = outcome;
      if (userKey !== q.user) wrong('I5: another user was let in');
      if (notAfter === null) {
        if (model.perUser() !== 'unmonitored') wrong('I5: a user was let in and not counted');
      } else if (model.endsOf(userKey).get(version) !== notAfter) {
        wrong('I5: a user without a record');
      } else if (notAfter <= now() || compareVersions(version, q.version) < 0) {
        wrong('I5: a user whose entry does not serve');
      }
    } else if (row === 'U3') {
      const r = refusals.get(position.sequence);
      if (r?.userKey !== q.user || r?.version !== q.version || now() - r.at >= HOUR_MS)
        wrong('I5: a user was refused without a record within the hour');
      const none = outcome.kind === 'refused' && outcome.code === 'NO_LICENSE_AVAILABLE';
      if (none && model.anySeat(q.version)) wrong('I6: a user was refused with a CAL free');
    }
  };

  const ask = (q: Asked): void => {
    const counts = JSON.stringify(poolCounts(s.state));
    const earlier = recorded.get(q.requestId);
    const a = s.request(q);
    seen.add(a.row);
    const records = follow();
    const remembered = isDeepStrictEqual(a, earlier);
    if (earlier && remembered !== now() - earlier.decidedAt < REMEMBERED)
      wrong(`I4: ${earlier.row} became ${a.row}, or was remembered too long`);
    if (records.some((r) => 'requestId' in r && !('within' in r && r.within === 'request')))
      recorded.set(q.requestId, a);

    if (q.mode === 'per-user') {
      const changed = records.length > 0 || counts !== JSON.stringify(poolCounts(s.state));
      if (model.perUser() === 'unmonitored' && changed) wrong('I9: Per User changed something');
      if (!remembered) userAnswered(q, a);
    } else if (a.outcome.kind === 'license') {
      const { licenseId, notAfter, kind, hardwareId, holder } = a.outcome.license;
      if (hardwareId !== hw(q.device)) wrong('I4: a license names another hardware id than asked');
      const held = holder ?? hardwareId;
      if (!remembered && held !== model.holderOf(hardwareId)) wrong('I3: another holder than the merges say');
      lastOf.set(q.device, licenseId);
      const l = model.licenses.get(licenseId);
      if (l?.hardwareId !== held || l.kind !== kind) wrong('I5: a license without a record');
      // What is remembered was true when it was decided.
      else if (!remembered && l.notAfter !== notAfter) wrong('I5: an end without a record');
      else if (!remembered && !model.serves(l, q.version, now())) wrong('I5: a license that does not serve');
    } else if (a.outcome.kind === 'refused') {
      const { code } = a.outcome;
      const r = refusals.get(a.position.sequence);
      const same = r?.hardwareId === hw(q.device) && r.version === q.version && r.code === code;
      if (!same || now() - r.at >= HOUR_MS) wrong('I5: a refusal without a record within the hour');
      if (code === 'NO_LICENSE_AVAILABLE' && !remembered && model.anyFree(q.version))
        wrong('I6: refused with a CAL free');
    }
  };

  const logOn = (licenseId: string, device: number): void => {
    const { outcome } = s.logOn(licenseId, device);
    seen.add('D5');
    const records = follow();
    const l = model.licenses.get(licenseId);
    const own = l?.hardwareId === model.holderOf(hw(device)) && l.kind === 'temporary';
    if (outcome.kind === 'validated' && !(own && l.validated)) wrong('I5: a log-on without a record');
    if (outcome.kind === 'refused' && records.length > 0) wrong('I5: a record of a refused log-on');
    if (outcome.kind === 'refused' && own && !l.over && l.notAfter > now()) wrong('I5: a log-on was lost');
  };

  const take = (step: Step): void => {
    switch (step.do) {
      case 'activate':
        return s.activate(now() + step.for);
      case 'install':
        return void s.install(step.quantity, step.version, step.mode);
      case 'ask': {
        const { device, version, mode } = step;
        const who = step.user === null ? {} : { user: step.user, authenticatedBy: 'nla' };
        const validatedLicenseId = step.reports ? (lastOf.get(device) ?? null) : null;
        // Once in a while under another name.
        const deviceName = `desk-${asked.length % 5 === 0 ? 'x' : device}`;
        const base = { requestId: `r${asked.length}`, device, deviceName, version, mode };
        const q = { ...base, validatedLicenseId, ...who };
        asked.push(q);
        return ask(q);
      }
      case 'repeat': {
        const q = asked.at(-1 - step.back);
        return q && ask(q);
      }
      case 'log-on':
        return logOn(lastOf.get(step.right ? step.device : (step.device % 3) + 1) ?? 'none', step.device);
      case 'wait':
        s.now += step.ms;
        return;
      case 'wait-for-end': {
        const end = model.licenses.get(lastOf.get(step.device) ?? '')?.notAfter ?? 0;
        s.now = Math.max(s.now, end - step.before);
        return;
      }
      case 'wait-for-user': {
        const end = Math.max(0, ...model.endsOf(step.user).values());
        s.now = Math.max(s.now, end - step.before);
        return;
      }
      case 'count-users':
        return s.set({ perUser: step.perUser, overdraft: step.overdraft });
      case 'return-due':
        s.runExpiry();
        follow();
        if (model.due(now()) > 0) wrong('I1: a CAL that is due was not returned');
        return;
      case 'revoke': {
        // Whoever has a full license: stories in which several are revoked need several.
        const full = [...model.licenses.values()].filter((l) => l.kind === 'full' && !l.over);
        const may = s.revoke(full[step.device % full.length]?.licenseId ?? lastOf.get(step.device) ?? 'none');
        seen.add(may.ok ? 'R1' : may.code);
        if (!may.ok && may.code === 'REVOCATION_LIMIT' && may.nextRevokeAllowedOn <= now())
          wrong('R2: the next license may be revoked on a day that is over');
        return;
      }
      case 'limit-revocation':
        return s.set({ revocationLimit: step.to });
      case 'merge':
        if (s.merge(step.device, step.into)) seen.add('M1');
        return;
      case 'undo-merge':
        if (s.undoMerge(step.device)) seen.add('M2');
        return;
      case 'show-lost': {
        const position = { generation: 'f', sequence: step.sequence };
        const shows = earlierLicense(`lost${step.of}`, step.device, now() + step.lasts, {
          version: step.version,
          position,
        });
        if (step.within === 'report') {
          const { row, outcome } = s.readmit(shows);
          seen.add(row);
          const learned = follow().some((r) => r.kind === 'relearned');
          const l = model.licenses.get(shows.licenseId);
          if (outcome.kind === 'noted' && !learned && (!l || !model.serves(l, l.version, now())))
            wrong('I5: noted, and not held');
          return;
        }
        const { device, version } = step;
        const q = { requestId: `r${asked.length}`, device, deviceName: `desk-${device}`, version, shows };
        asked.push({ ...q, mode: 'per-device', validatedLicenseId: null });
        return ask({ ...q, mode: 'per-device', validatedLicenseId: null });
      }
      case 'deactivate':
        return s.append([{ kind: 'deactivated', commandId: `c${s.records.length}`, by: 'test' }]);
      case 'restored': {
        const backup = { madeAt: now(), madeBy: 'test' };
        const commandId = `c${s.records.length}`;
        return s.append([{ kind: 'server-restored', commandId, by: 'test', why: '', backup }]);
      }
      case 'withhold': {
        const pack = valuesOf(s.state.packs)[step.pack];
        if (!pack || freeInPack(s.state, pack) < step.quantity) return;
        const { keyPackId } = pack;
        const commandId = `w${s.records.length}`;
        withheld.push(commandId);
        seen.add('withheld');
        return s.append([
          { kind: 'cals-withheld', commandId, keyPackId, quantity: step.quantity, by: 'test' },
        ]);
      }
      case 'settle': {
        const commandId = withheld.shift();
        const kept = commandId === undefined ? undefined : s.state.withheld.get(commandId);
        if (commandId === undefined || !kept) return;
        const { keyPackId, quantity } = kept;
        seen.add(step.outcome);
        return s.append([{ kind: 'cals-settled', commandId, keyPackId, quantity, outcome: step.outcome }]);
      }
      case 'reserve':
        return void s.install(step.quantity, step.version, 'per-device', 1);
      case 'prevent-upgrade':
        return s.set({ preventLicenseUpgrade: step.on });
    }
  };

  const start: Step[] = ready
    ? [
        { do: 'activate', for: 3_650 * DAY_MS },
        { do: 'install', quantity: 2, version: '2003', mode: 'per-device' },
        { do: 'install', quantity: 1, version: '2003', mode: 'per-user' },
        { do: 'count-users', perUser, overdraft: 0 },
      ]
    : [];
  follow();
  for (const step of [...start, ...steps]) {
    meddle?.(s);
    const timeBefore = s.state.head.time;
    take(step);
    follow();
    if (s.state.head.time < timeBefore) wrong('I11: ledger time went back');
    const pools = poolCounts(s.state);
    if (!isDeepStrictEqual(pools, model.pools())) wrong('I1: the counts are not those of the records');
    if (pools.some((p) => p.mode === 'per-device' && p.available < 0))
      wrong('I1: more is held than installed');
  }

  // As it is kept: what cannot be written down is not there any more.
  for (const facts of JSON.parse(JSON.stringify(s.decisions)) as DecisionFacts[])
    if (!traceRules(facts).agrees) wrong(`the tables do not come to ${facts.row} on what the decision saw`);

  // What no record says is not in the state: another replica, that only reads, comes to the same.
  const anew = emptyState();
  for (const { batch, sequence, hash } of batches) {
    const reason = voidReason(anew, batch);
    if (reason !== undefined) wrong(`I11: a batch is void: ${reason}`);
    applyBatch(anew, batch, sequence, hash);
  }
  if (!isDeepStrictEqual(anew, s.state)) wrong('I5: the records folded anew give another state');
  return violations;
};

test('whatever happens, in whatever order, the invariants hold', () => {
  fc.assert(
    fc.property(told, (t) => assert.deepEqual(tell(t), [])),
    { numRuns: 1_000 },
  );
});

test('the stories reach every row of the tables', () => {
  const seen = new Set<string>();
  for (const t of fc.sample(told, { numRuns: 300, seed: 1 })) tell(t, undefined, seen);
  // Of rows that other services or other settings decide there is none here.
  const elsewhere = new Set(['N3', 'S1', 'S2', 'S3', 'S4', 'T0']);
  const more = ['R1', 'REVOCATION_LIMIT', 'M1', 'M2', 'withheld', 'removed', 'given-back'];
  assert.deepEqual(
    [...rows, ...more].filter((row) => !seen.has(row) && !elsewhere.has(row)),
    [],
  );
});

const miscount = (state: State, before: Pack, issued: number): void => {
  const pack = { ...before, issued };
  state.packs.set(pack.keyPackId, pack);
  setPool(state, poolAfterPackChange(state, before, pack));
};

describe('a spoilt state is found out within 300 stories', () => {
  const spoilt = (says: string, violation: string, meddle: (s: Scenario) => void): void => {
    test(says, () => {
      const stories = fc.sample(told, { numRuns: 300, seed: 1 });
      assert.ok(stories.some((t) => tell(t, meddle).some((found) => found.startsWith(violation))));
    });
  };

  spoilt('CALs that are taken count as free', 'I2: a CAL was taken and none was free', ({ state }) => {
    for (const pack of valuesOf(state.packs)) miscount(state, pack, 0);
  });
  spoilt('a CAL is recorded as returned twice', 'I1: a CAL was returned that was not due', (s) => {
    const returned = s.records.findLast((r) => r.kind === 'returned');
    if (returned) s.append([returned]);
  });
  spoilt('a CAL is counted as returned twice', 'I1: the counts are not those of the records', ({ state }) => {
    const pack = valuesOf(state.packs).find((p) => p.issued > 0);
    if (pack) miscount(state, pack, pack.issued - 1);
  });
  spoilt('outcomes are forgotten at once', 'I4:', ({ state }) => {
    for (const requestId of state.outcomes.keys()) state.outcomes.delete(requestId);
  });
  spoilt('devices are forgotten', 'I7:', ({ state }) => {
    for (const device of valuesOf(state.devices))
      state.devices.set(device.hardwareId, { ...device, licenses: [] });
  });
  spoilt('full licenses are held unseen', 'I3:', ({ state }) => {
    for (const device of valuesOf(state.devices)) {
      const licenses = device.licenses.map((l) =>
        l.kind === 'full' ? { ...l, ended: 'returned' as const } : l,
      );
      state.devices.set(device.hardwareId, { ...device, licenses });
    }
  });
  spoilt('users are forgotten', 'I3: two live entries', ({ state }) => {
    for (const userKey of state.users.keys()) state.users.set(userKey, []);
  });
  spoilt('users count for nothing', 'I1: more users are recorded', ({ state }) => {
    for (const pool of valuesOf(state.pools))
      if (pool.mode === 'per-user') setPool(state, { ...pool, issued: 0 });
  });
  spoilt('users are not counted', 'I5: a user was let in and not counted', ({ state }) => {
    const settings = { ...state.head.settings, perUser: 'unmonitored' as const };
    state.head = { ...state.head, settings };
  });
  spoilt('users end early', 'I1: a user was dropped', ({ state }) => {
    for (const userKey of state.users.keys()) {
      const entries = state.users.get(userKey) ?? [];
      state.users.set(
        userKey,
        entries.map((e) => ({ ...e, notAfter: 0 })),
      );
    }
  });
  spoilt('a user is dropped before the end', 'I1: a user was dropped', (s) => {
    for (const userKey of s.state.users.keys()) {
      const [entry] = s.state.users.get(userKey) ?? [];
      if (entry) s.append([{ kind: 'user-dropped', userKey, version: entry.version }]);
      return;
    }
  });
  spoilt('users that are gone are counted', 'I6: a user', ({ state }) => {
    for (const pool of valuesOf(state.pools))
      if (pool.mode === 'per-user') setPool(state, { ...pool, issued: pool.installed });
  });
  spoilt('revoked licenses hold no place', 'R2:', ({ state }) => {
    for (const licenseId of state.endedEarly.keys()) state.endedEarly.delete(licenseId);
  });
  spoilt('merges are forgotten', 'I3:', ({ state }) => {
    for (const hardwareId of state.merges.keys()) state.merges.delete(hardwareId);
  });
  spoilt('reserved CALs count as free', 'I2:', ({ state }) => {
    for (const pack of valuesOf(state.packs)) {
      const free = { ...pack, reserved: 0 };
      state.packs.set(pack.keyPackId, free);
      setPool(state, poolAfterPackChange(state, pack, free));
    }
  });
  spoilt('withheld CALs count as free', 'I2:', ({ state }) => {
    for (const pack of valuesOf(state.packs)) {
      const free = { ...pack, withheld: 0 };
      state.packs.set(pack.keyPackId, free);
      setPool(state, poolAfterPackChange(state, pack, free));
    }
  });
  spoilt('what survived is learned again', 'I1: license lost', ({ state }) => {
    state.head = { ...state.head, survived: { f: 0 } };
  });
  spoilt('a revoked license keeps its CAL', 'I1: the counts are not those of the records', ({ state }) => {
    const pool = valuesOf(state.pools).find((p) => p.revoked > 0);
    if (pool) setPool(state, { ...pool, issued: pool.issued + 1 });
  });
  spoilt('free CALs count as taken', 'I6:', ({ state }) => {
    for (const pack of valuesOf(state.packs)) miscount(state, pack, pack.quantity);
  });
});
