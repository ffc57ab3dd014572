// The verification of the whole ledger by the audit's rules, which share no code with inventory's.

import { createAudit, type Audit } from '@calbus/audit/audit';
import type { OperatorClient } from '../client.ts';
import { noReport, type ProgressReport } from '../progress.ts';
import { openLedgerReader, type LedgerReader } from './reader.ts';

/** A leader sends four heartbeats a second. */
const HEARTBEAT_TIMEOUT_MS = 2_000;
const MAX_COMPARISONS = 20;

export type Agreement =
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

/** Compares the end of the audit with the leader's heartbeat, and reads on where the leader is ahead. */
const compareWithReplicas = async (
  operator: OperatorClient,
  reader: LedgerReader,
  audit: Audit,
): Promise<Agreement> => {
  for (let comparisons = 0; ; comparisons += 1) {
    const heartbeat = await operator.leaderTracker().next(HEARTBEAT_TIMEOUT_MS);
    if (!heartbeat) break;
    const result = compare(audit, 'the leader', heartbeat);
    // The ledger grows meanwhile, and a heartbeat may be older than the last message of the audit.
    const same = heartbeat.sequence === audit.end().sequence;
    if (result.kind === 'agrees' || same || comparisons === MAX_COMPARISONS) return result;
    for await (const m of reader.read()) audit.take(m);
  }
  const replica = reader.replica();
  if (!replica || replica.position.sequence !== audit.end().sequence) return { kind: 'unknown' };
  return compare(audit, 'a replica', { ...replica.position, hash: replica.hash });
};

export type LedgerVerification = Awaited<ReturnType<typeof verifyLedger>>;

/** Reads the whole ledger, since each message depends on the one before it. Findings before `from` are left out. */
export const verifyLedger = async (
  operator: OperatorClient,
  from: number,
  report: ProgressReport = noReport,
) => {
  const audit = createAudit();
  const reader = openLedgerReader(operator, report);
  for await (const m of reader.read()) audit.take(m);
  const agreement: Agreement =
    audit.unreadFrom() === undefined
      ? await compareWithReplicas(operator, reader, audit)
      : { kind: 'unknown' };
  const since = <T extends { readonly sequence: number }>(all: readonly T[]): T[] =>
    all.filter((f) => f.sequence >= from);
  const damage = since(audit.damage.first);
  const violations = since(audit.violations.first);
  const voids = since(audit.voids.first);
  const unreadFrom = audit.unreadFrom() ?? null;
  const licenses = { temporary: 0, full: 0 };
  for (const l of audit.holdings.licenses.values()) if (!l.over) licenses[l.kind] += 1;
  return {
    sound: unreadFrom === null && damage.length + violations.length === 0 && agreement.kind !== 'differs',
    messages: audit.messages(),
    unreadFrom,
    end: audit.end(),
    agreement,
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
