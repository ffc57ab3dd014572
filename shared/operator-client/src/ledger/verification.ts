// calbus ledger verify: reads the ledger by rules of its own and says what is wrong with it.

import { createAudit, type Audit } from '@calbus/audit/audit';
import type { OperatorClient } from '../client.ts';
import { bold, green, json, moment, plain, red, say, yellow } from '@calbus/cli/print';
import { openLedgerReader, type LedgerReader } from './reader.ts';

/** A leader sends four a second. */
const HEARTBEAT_TIMEOUT_MS = 2_000;
const MOST_SHOWN = 20;

type Agreement =
  | { readonly kind: 'agrees'; readonly who: 'the leader' | 'a replica' }
  | { readonly kind: 'differs'; readonly who: 'the leader' | 'a replica'; readonly says: string }
  | { readonly kind: 'unknown' };

const compare = (
  audit: Audit,
  who: 'the leader' | 'a replica',
  theirs: { readonly generation: string; readonly sequence: number; readonly hash: string },
): Agreement => {
  const end = audit.end();
  if (theirs.sequence === end.sequence && theirs.hash === end.hash && theirs.generation === end.generation)
    return { kind: 'agrees', who };
  const says = `${who} is at ${theirs.sequence} with hash ${theirs.hash}; the ledger ends at ${end.sequence} with ${end.hash}`;
  return { kind: 'differs', who, says };
};

/** Compares the end of what was read with what the leader says it is, reading on where the leader is further by now. */
const agreement = async (
  operator: OperatorClient,
  reader: LedgerReader,
  audit: Audit,
): Promise<Agreement> => {
  for (let tries = 0; ; tries += 1) {
    const head = await operator.leaderTracker().next(HEARTBEAT_TIMEOUT_MS);
    if (!head) break;
    const found = compare(audit, 'the leader', head);
    // The ledger goes on meanwhile, and a beacon may be older than what was read.
    if (found.kind === 'agrees' || head.sequence === audit.end().sequence || tries === 20) return found;
    for await (const m of reader.read()) audit.take(m);
  }
  const replica = reader.replica();
  if (!replica || replica.position.sequence !== audit.end().sequence) return { kind: 'unknown' };
  return compare(audit, 'a replica', { ...replica.position, hash: replica.hash });
};

export type LedgerVerification = Awaited<ReturnType<typeof verifyLedger>>;

/** Findings before `from` are left out; the whole ledger is read all the same, since a place is only as good as what it follows on. */
export const verifyLedger = async (operator: OperatorClient, from: number) => {
  const audit = createAudit();
  const reader = openLedgerReader(operator, 'Verifying');
  for await (const m of reader.read()) audit.take(m);
  const agreed: Agreement =
    audit.unreadFrom() === undefined ? await agreement(operator, reader, audit) : { kind: 'unknown' };
  const since = <T extends { readonly sequence: number }>(all: readonly T[]): T[] =>
    all.filter((f) => f.sequence >= from);
  const damage = since(audit.damage.first);
  const violations = since(audit.violations.first);
  const voids = since(audit.voids.first);
  const unreadFrom = audit.unreadFrom() ?? null;
  const licenses = { temporary: 0, full: 0 };
  for (const l of audit.holdings.licenses.values()) if (!l.over) licenses[l.kind] += 1;
  return {
    sound: unreadFrom === null && damage.length + violations.length === 0 && agreed.kind !== 'differs',
    messages: audit.messages(),
    unreadFrom,
    end: audit.end(),
    agreement: agreed,
    generations: audit.generations,
    terms: audit.terms(),
    records: Object.fromEntries(audit.records),
    licenses,
    pools: audit.holdings.pools(),
    voidMessages: { count: audit.voids.count(), first: voids },
    damage: { count: audit.damage.count(), first: damage },
    violations: { count: audit.violations.count(), first: violations },
  };
};

const line = (name: string, text: string): void => say(`${bold(name.padEnd(12))} ${text}`);

const list = <T extends { readonly sequence: number }>(
  name: string,
  all: readonly T[],
  paint: (text: string) => string,
  says: (finding: T) => string,
): void => {
  for (const f of all.slice(0, MOST_SHOWN)) line(name, paint(`${f.sequence}: ${plain(says(f))}`));
  if (all.length > MOST_SHOWN) line('', paint(`and ${all.length - MOST_SHOWN} more: --json`));
};

const agreementWords = (a: Agreement): string => {
  switch (a.kind) {
    case 'agrees':
      return green(`${a.who} agrees`);
    case 'differs':
      return red(`${a.who} does not agree`);
    case 'unknown':
      return yellow('no replica is there to compare it with');
  }
};

const conclusion = (v: LedgerVerification): string => {
  const [first] = v.damage.first;
  if (first)
    return red(
      `The ledger is damaged: its bytes are not those that were committed. It shows at ${first.sequence}; the change is there or before.`,
    );
  if (v.unreadFrom !== null)
    return yellow(
      `The ledger cannot be checked from ${v.unreadFrom} on: a later version of calbus has written there, or the bytes were changed. Verify with the latest version.`,
    );
  if (v.agreement.kind === 'differs') return red(`The ledger is damaged: ${v.agreement.says}.`);
  const [broken] = v.violations.first;
  if (broken)
    return red(
      `The chain is whole, but its records break what must always be true, first at ${broken.sequence}.`,
    );
  const others = v.voidMessages.count > 0 ? ' VOID messages change nothing and are no damage.' : '';
  return `${green('The ledger is sound.')}${others}`;
};

export const verify = async (operator: OperatorClient, from: number, asJson: boolean): Promise<void> => {
  const v = await verifyLedger(operator, from);
  if (!v.sound) process.exitCode = 1;
  if (asJson) return json(v);
  const records = Object.entries(v.records);
  line('Messages', `${v.messages}, of which ${v.voidMessages.count} VOID`);
  line(
    'Records',
    `${records.reduce((n, [, count]) => n + count, 0)}: ${records.map(([kind, n]) => `${n} ${kind}`).join(', ')}`,
  );
  line('Licenses', `${v.licenses.full} full, ${v.licenses.temporary} temporary, not ended by a record`);
  line(
    'Generations',
    `${v.generations.map((g) => `${g.generation} from ${g.from}`).join(', ')}; ${v.terms} terms`,
  );
  line(
    'Ends at',
    `${v.end.sequence}, ${moment(v.end.time)} UTC, hash ${v.end.hash}: ${agreementWords(v.agreement)}`,
  );
  list('VOID', v.voidMessages.first, yellow, (f) => f.why);
  list('Damage', v.damage.first, red, (f) => f.says);
  list('Violation', v.violations.first, red, (f) => `${f.invariant}: ${f.says}`);
  say(conclusion(v));
};
