// A whole reading of the ledger: its chain, what its records come to, and everything that is wrong with either.

import type { LedgerBatch, LedgerRecord } from '@calbus/contracts/ledger';
import { createChainReader, type Damage, type LedgerMessage, type ChainLink } from './chain.ts';
import { createAuditedState } from './audited-state.ts';
import type { Violation } from './violation.ts';

export type VoidMessage = { readonly sequence: number; readonly why: string };

/** Of findings beyond this many only the number is kept: behind a damaged place every message may be one. */
const MAX_FINDINGS = 1_000;

const createFindings = <T>() => {
  const first: T[] = [];
  let count = 0;
  return {
    first: first as readonly T[],
    count: (): number => count,
    push: (finding: T): void => {
      count += 1;
      if (first.length < MAX_FINDINGS) first.push(finding);
    },
  };
};

export const createAudit = () => {
  const voids = createFindings<VoidMessage>();
  const damage = createFindings<Damage>();
  const violations = createFindings<Violation>();
  const records = new Map<LedgerRecord['kind'], number>();
  const generations: { generation: string; from: number }[] = [];
  const terms = new Set<string>();
  const chain = createChainReader(damage.push);
  const holdings = createAuditedState(violations.push);
  let messages = 0;
  let unreadFrom: number | undefined;

  const count = (batch: LedgerBatch, sequence: number): void => {
    if (generations.at(-1)?.generation !== batch.generation)
      generations.push({ generation: batch.generation, from: sequence });
    terms.add(`${batch.generation} ${batch.term}`);
    for (const { kind } of batch.records) records.set(kind, (records.get(kind) ?? 0) + 1);
  };

  return {
    holdings,
    end: chain.end,
    messages: (): number => messages,
    voids,
    damage,
    violations,
    generations: generations as readonly { readonly generation: string; readonly from: number }[],
    /** The first message that a later version of calbus has written; nothing from there on is read. */
    unreadFrom: (): number | undefined => unreadFrom,
    /** How many there were. */
    terms: (): number => terms.size,
    records: records as ReadonlyMap<LedgerRecord['kind'], number>,
    /** Takes in the messages one after the other, from the first; says how each one was read. */
    take: (message: LedgerMessage): ChainLink => {
      messages += 1;
      const link = chain.follow(message);
      if (link.kind === 'unread') {
        unreadFrom ??= message.sequence;
        return link;
      }
      if (link.kind === 'void') {
        voids.push({ sequence: message.sequence, why: link.why });
        return link;
      }
      count(link.batch, message.sequence);
      holdings.fold(link.batch.records, link.batch.at, message.sequence);
      return link;
    },
  };
};
export type Audit = ReturnType<typeof createAudit>;
