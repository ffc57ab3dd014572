// One run: a site, a load, faults until the time is over, then peace, and the checker's verdict.

import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { createAudit } from '@calbus/audit/audit';
import { check } from './checker/check.ts';
import { foldOf, readLedger } from './ledger.ts';
import { newFold, open, moveTo, pools } from './checker/fold.ts';
import type { CacheDump, LedgerMessage, Violation } from './checker/history.ts';
import { dice, type Dice } from './dice.ts';
import type { Fault, Grip } from './faults.ts';
import { startLoad } from './load.ts';
import type { Member } from './member.ts';
import { createRecorder, type Recorder } from './recorder.ts';
import { figuresOf, type Report, type Struck } from './report.ts';
import type { Strike } from './schedule.ts';
import { startSite, type Site } from './site.ts';
import { untilAgreed, watchSite, type Watch } from './watch.ts';

export type RunOptions = {
  readonly seed: number;
  /** How long the load lasts. */
  readonly seconds: number;
  readonly cluster: boolean;
  readonly requestsPerSecond: number;
  readonly strikes: (dice: Dice) => Generator<Strike>;
  readonly say: (line: string) => void;
};

const SETTLE_MS = 1_200;
/** A request that nobody answers for so long after a fault is one that nobody will. */
const RECOVERY_WITHIN_MS = 30_000;
const REDIS_WITHIN_MS = 5_000;
/** Where something else was struck too, a leader may have to be found first. */
const REDIS_WITHIN_IN_PAIRS_MS = 12_000;
const AGREED_WITHIN_MS = 30_000;

type Running = {
  readonly site: Site;
  readonly watch: Watch;
  readonly recorder: Recorder;
  readonly violations: Violation[];
  readonly struck: Struck[];
  oldDump: CacheDump | undefined;
};

const strikeOne = async (
  r: Running,
  fault: Fault,
  other: Fault | undefined,
  held: Set<Member>,
  faultDice: Dice,
): Promise<void> => {
  let recovery: Promise<void> = Promise.resolve();
  let figure: Struck | undefined;
  const grip: Grip = {
    site: r.site,
    dice: faultDice,
    held,
    leader: r.watch.leader,
    oldDump: () => r.oldDump,
    struck: (member) => {
      const at = performance.now();
      const f: Struck = {
        kind: fault.kind,
        member: member?.name,
        with: other?.kind,
        losesLeader: fault.losesLeader ?? false,
        at: Date.now(),
        recoveryMs: null,
        redisMs: null,
        newLeaderMs: null,
      };
      figure = f;
      r.struck.push(f);
      recovery = r.recorder.committed(at, RECOVERY_WITHIN_MS).then((answeredAt) => {
        if (answeredAt !== undefined) f.recoveryMs = Math.round(answeredAt - at);
        else r.violations.push(late(`no committed answer within ${RECOVERY_WITHIN_MS} ms of ${fault.kind}`));
      });
    },
  };
  if (fault.spoilsRedis) r.watch.believeRedis = false;
  await fault.run(grip);
  if (fault.spoilsRedis) {
    const within = other ? REDIS_WITHIN_IN_PAIRS_MS : REDIS_WITHIN_MS;
    const took = await r.watch.redisRepaired(within);
    if (took === undefined) r.violations.push(late(`Redis not current ${within} ms after ${fault.kind}`));
    else if (figure) figure.redisMs = Math.round(took);
    r.watch.believeRedis = true;
  }
  await recovery;
};

const late = (detail: string): Violation => ({ invariant: 'recovery', detail });

const strike = async (r: Running, faults: Strike, strikeDice: Dice): Promise<void> => {
  const held = new Set<Member>();
  await r.watch.untilLed(10_000);
  const [first, second] = faults;
  const later = async (fault: Fault): Promise<void> => {
    await sleep(strikeDice.between(0, 1_000));
    await strikeOne(r, fault, first, held, strikeDice.split('second'));
  };
  await Promise.all([
    strikeOne(r, first, second, held, strikeDice.split('first')),
    ...(second ? [later(second)] : []),
  ]);
};

/** When the next leader's first batch was stored, for each fault that lost the leader. */
const noteNewLeaders = (struck: readonly Struck[], ledger: readonly LedgerMessage[]): void => {
  const fold = newFold();
  const batches = ledger.flatMap((m) => {
    const opened = open(fold, m);
    if (opened.kind === 'void') return [];
    moveTo(fold, { sequence: m.sequence, batch: opened.batch }, opened.hash);
    return [{ term: opened.batch.term, storedAt: m.storedAt }];
  });
  for (const s of struck) {
    if (!s.losesLeader) continue;
    const term = batches.findLast((b) => b.storedAt <= s.at)?.term ?? 0;
    const next = batches.find((b) => b.storedAt > s.at && b.term > term);
    if (next && next.storedAt - s.at < RECOVERY_WITHIN_MS) s.newLeaderMs = next.storedAt - s.at;
  }
};

/** Everything works again: the replicas must come to one place, Redis to theirs, and all must be what the ledger says. */
const settle = async (r: Running): Promise<LedgerMessage[]> => {
  const { site, violations } = r;
  await site.heal();
  const replicas = await untilAgreed(site, AGREED_WITHIN_MS);
  if (new Set(replicas.map((s) => s.hash)).size !== 1 || replicas.length === 0)
    violations.push(late(`the replicas do not agree: ${replicas.map((s) => s.position.sequence).join()}`));
  if ((await r.watch.redisRepaired(REDIS_WITHIN_MS)) === undefined)
    violations.push(late('Redis is not current after everything was healed'));
  const dump = await site.cache.dump();
  if (dump) r.watch.dumps.push(dump);
  const ledger = await readLedger(site.ledger);
  for (const s of replicas) {
    const there = foldOf(ledger.filter((m) => m.sequence <= s.position.sequence));
    if (there.hash !== s.hash || !isDeepStrictEqual(pools(there), s.pools))
      violations.push({ invariant: 'I1', detail: `replica ${s.replica} counts other than the ledger` });
  }
  return ledger;
};

/** The ledger read once more by the rules that operators use; it shares nothing with the checker's. */
const secondReading = (ledger: readonly LedgerMessage[]): Violation[] => {
  const audit = createAudit();
  for (const message of ledger) audit.take(message);
  const damage = audit.damage.first.map(
    (d) => ({ invariant: 'I10', detail: `audit: ${JSON.stringify(d)}` }) as const,
  );
  const broken = audit.violations.first.map(({ invariant, sequence, says }) => ({
    invariant,
    detail: `audit: ${sequence}: ${says}`,
  }));
  return [...damage, ...broken];
};

export const runChaos = async (o: RunOptions): Promise<Report> => {
  const rolls = dice(o.seed);
  await using site = await startSite(o);
  const recorder = createRecorder(site.operator);
  const watch = watchSite(site);
  const r: Running = { site, watch, recorder, violations: [], struck: [], oldDump: undefined };
  const load = await startLoad(site, recorder, rolls.split('load'), o.requestsPerSecond);
  const started = performance.now();
  const elapsed = (): number => (performance.now() - started) / 1_000;
  await sleep(SETTLE_MS);
  r.oldDump = await site.cache.dump();
  for (const faults of o.strikes(rolls.split('strikes'))) {
    if (elapsed() >= o.seconds) break;
    o.say(`${elapsed().toFixed(0).padStart(5)} s  ${faults.map((f) => f.kind).join('  +  ')}`);
    const before = r.violations.length;
    await strike(r, faults, rolls.split(`strike ${r.struck.length}`));
    for (const v of r.violations.slice(before)) o.say(`VIOLATION ${v.invariant}: ${v.detail}`);
    await sleep(SETTLE_MS);
    if (rolls.next() < 0.2) r.oldDump = await site.cache.dump();
  }
  o.say(`${elapsed().toFixed(0).padStart(5)} s  the load ends; healing, and reading the ledger`);
  const seconds = Math.round(elapsed());
  await Promise.all([load.stop(), site.heal()]);
  watch.stop();
  const ledger = await settle(r);
  noteNewLeaders(r.struck, ledger);
  const verdict = check({ ledger, dumps: watch.dumps, ...recorder.history() });
  for (const id of load.packsConfirmed())
    if (!verdict.fold.packs.has(id))
      r.violations.push({ invariant: 'I5', detail: `key pack ${id} was confirmed and is not in the ledger` });
  const violations = [...r.violations, ...verdict.violations, ...secondReading(ledger)];
  if (violations.length > 0) o.say(`The logs are in ${site.keep()}`);
  const ends = site.members.map((m) => [m.name, m.unexpectedEnds()] as const).filter(([, n]) => n > 0);
  return {
    seed: o.seed,
    seconds,
    nodes: site.nodes.length,
    struck: r.struck,
    ...figuresOf(recorder.exchanges()),
    retries: load.repeats(),
    batches: verdict.batches,
    records: verdict.records,
    voids: verdict.voids.length,
    dumps: watch.dumps.length,
    unexpectedEnds: Object.fromEntries(ends),
    violations,
  };
};
