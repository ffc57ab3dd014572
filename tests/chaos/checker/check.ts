// Reads a history and says what of it cannot be. A pure function: the same history gives the same violations.

import { differsFromRecord, notTrueHere } from './answers.ts';
import { apply, licensesOf, moveTo, newFold, open, pools, type Fold } from './fold.ts';
import type { Answer, History, Invariant, LedgerMessage, Violation } from './history.ts';
import { wrongCounts } from './live-counts.ts';
import { checkRecord, checkTerm, OUTCOME_MEMORY, type Say } from './records.ts';

export type Verdict = {
  readonly violations: readonly Violation[];
  readonly batches: number;
  readonly records: number;
  readonly voids: readonly number[];
  readonly fold: Fold;
};

/** The server's clock and ours are one, but a message is stored and heard in different milliseconds. */
const CLOCK_SLACK_MS = 20;
const MOST_KEYS_NAMED = 5;

const bySequence = <T>(items: readonly T[], of: (item: T) => number): Map<number, T[]> => {
  const map = new Map<number, T[]>();
  for (const item of items) map.set(of(item), [...(map.get(of(item)) ?? []), item]);
  return map;
};

const invariantOf = (a: Answer): Invariant => {
  const { row, outcome } = a.decision;
  if (row.startsWith('U')) return 'I9';
  return outcome.kind === 'refused' && outcome.code === 'NO_LICENSE_AVAILABLE' ? 'I6' : 'I4';
};

export const check = (history: History): Verdict => {
  const violations: Violation[] = [];
  const say: Say = (invariant, detail) => {
    violations.push({ invariant, detail });
  };
  const f = newFold();
  const answersAt = bySequence(history.answers, (a) => a.decision.position.sequence);
  const dumpsAt = bySequence(history.dumps, (d) => Number(d.head['sequence']));
  let batches = 0;
  let records = 0;

  const checkDumps = (sequence: number): void => {
    for (const dump of dumpsAt.get(sequence) ?? []) {
      const wrong = wrongCounts(f, dump);
      if (wrong.length === 0) continue;
      const named = wrong.slice(0, MOST_KEYS_NAMED).join('; ');
      say('I8', `Redis at ${sequence}: ${wrong.length} differences: ${named}`);
    }
    dumpsAt.delete(sequence);
  };

  /** Why an answer is not true as the fold stands now, within the batch at its place; undefined where it is. */
  const wrongHere = (a: Answer, sequence: number): string | undefined => {
    const { requestId, decidedAt } = a.decision;
    const recorded = f.recorded
      .get(requestId)
      ?.find((r) => r.sequence === sequence && decidedAt < r.at + OUTCOME_MEMORY);
    return recorded
      ? differsFromRecord(a.decision, recorded)
      : notTrueHere(f, a.decision, history.asked.get(requestId));
  };

  const take = (message: LedgerMessage): void => {
    const { sequence } = message;
    const opened = open(f, message);
    if (opened.kind === 'void') {
      f.voids.push(sequence);
      if (opened.timeWentBack) say('I11', `${sequence} follows the chain, but ${opened.why}`);
      return;
    }
    const { batch, hash } = opened;
    batches += 1;
    records += batch.records.length;
    checkTerm(f, batch, sequence, say);
    const all = answersAt.get(sequence) ?? [];
    answersAt.delete(sequence);
    // Those that were not true yet after any record of this batch. One that has a record of its own may still have been
    // decided before that record, when the same request came twice within the batch.
    let waiting = all;
    const why = new Map<Answer, string>();
    for (const r of batch.records) {
      checkRecord(f, r, batch.at, (invariant, detail) => say(invariant, `${sequence}: ${detail}`));
      apply(f, r, { sequence, batch });
      waiting = waiting.filter((a) => {
        const reason = wrongHere(a, sequence);
        if (reason !== undefined) why.set(a, reason);
        return reason !== undefined;
      });
    }
    moveTo(f, { sequence, batch }, hash);
    for (const a of waiting) say(invariantOf(a), `${describe(a)}: ${why.get(a) ?? ''}`);
    for (const a of all) checkPlace(a, message, batch.generation);
    checkDumps(sequence);
  };

  const checkPlace = (a: Answer, { storedAt }: LedgerMessage, generation: string): void => {
    if (a.decision.position.generation !== generation)
      say('I4', `${describe(a)}: it names another generation`);
    if (storedAt > a.heardAt + CLOCK_SLACK_MS)
      say('I5', `${describe(a)}: it left ${storedAt - a.heardAt} ms before its place was stored`);
  };

  for (const message of history.ledger) take(message);
  for (const [sequence, answers] of answersAt)
    for (const a of answers) say('I5', `${describe(a)}: the ledger has no valid batch at ${sequence}`);
  for (const sequence of dumpsAt.keys()) say('I8', `Redis stands at ${sequence}, where no valid batch is`);
  for (const a of history.answers) {
    const { requestId, decidedAt, position } = a.decision;
    const remembered = f.recorded.get(requestId)?.find((r) => {
      const later = history.clocksMoved ? position.sequence >= r.sequence : decidedAt > r.at;
      return later && decidedAt < r.at + OUTCOME_MEMORY;
    });
    if (remembered && remembered.sequence !== position.sequence)
      say('I4', `${describe(a)}: request was decided at ${remembered.sequence} before, and is remembered`);
  }
  checkEnd(f, say);
  return { violations, batches, records, voids: f.voids, fold: f };
};

const checkEnd = (f: Fold, say: Say): void => {
  for (const p of pools(f)) {
    if (p.available < 0) say('I1', `${p.version} ${p.mode}: ${p.issued} of ${p.installed} CALs are held`);
    if (p.mode === 'per-user' && p.issued !== 0) say('I9', `${p.version} per-user: ${p.issued} are issued`);
  }
  for (const hardwareId of f.byDevice.keys()) {
    const live = licensesOf(f, hardwareId).filter((l) => l.kind === 'full' && !l.over && l.notAfter > f.time);
    // Every version serves 2000, so that two live full licenses of any versions are one too many.
    if (live.length > 1) say('I3', `${hardwareId} holds ${live.length} live full licenses`);
  }
};

const describe = ({ decision: d }: Answer): string =>
  `answer ${d.requestId} to ${d.terminalServerId} (${d.row} at ${d.position.sequence})`;
