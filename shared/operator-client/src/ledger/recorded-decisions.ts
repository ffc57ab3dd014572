// The decisions of which only the ledger record is left: the record, its row, and the licenses that the device held before it.

import { createChainReader } from '@calbus/audit/chain';
import { createAuditedState, type AuditedState } from '@calbus/audit/audited-state';
import type { LedgerBatch, LedgerRecord } from '@calbus/contracts/ledger';
import { refusals } from '@calbus/contracts/refusals';
import type { OperatorClient } from '../client.ts';
import type { ExplanationSubject } from '../explanations.ts';
import { noReport, type ProgressReport } from '../progress.ts';
import { entryOf, type LedgerEntry } from './entries.ts';
import { openLedgerReader } from './reader.ts';

type PriorLicense = {
  readonly licenseId: string;
  readonly kind: string;
  readonly validated: boolean;
  readonly version: string;
  readonly notAfter: number;
  readonly state: 'live' | 'ended';
};
export type RecordedDecision = {
  readonly entry: LedgerEntry;
  readonly heldBefore: readonly PriorLicense[];
  readonly refusal: { readonly code: string; readonly says: string; readonly todo: string } | null;
};

type DecisionRecord = Extract<LedgerRecord, { row: string }>;
const isDecision = (r: LedgerRecord): r is DecisionRecord => 'row' in r;

const hardwareIdOf = (r: DecisionRecord, holdings: AuditedState): string | undefined => {
  if ('hardwareId' in r) return r.hardwareId;
  return 'licenseId' in r ? holdings.licenses.get(r.licenseId)?.hardwareId : undefined;
};

const concerns = (r: DecisionRecord, about: ExplanationSubject, holdings: AuditedState): boolean => {
  if ('requestId' in about) return 'requestId' in r && r.requestId === about.requestId;
  if ('hardwareId' in about) return hardwareIdOf(r, holdings) === about.hardwareId;
  return 'userKey' in r && r.userKey === about.userKey;
};

const licensesOf = (holdings: AuditedState, hardwareId: string | undefined, at: number): PriorLicense[] => {
  if (hardwareId === undefined) return [];
  return [...holdings.licenses.values()]
    .filter((l) => l.hardwareId === hardwareId)
    .map(({ licenseId, kind, validated, version, notAfter, over }) => {
      const state = over || notAfter <= at ? 'ended' : 'live';
      return { licenseId, kind, validated, version, notAfter, state };
    });
};

const refusalOf = (r: LedgerRecord): RecordedDecision['refusal'] => {
  if (r.kind !== 'refused') return null;
  const { says, todo } = refusals[r.code];
  return { code: r.code, says, todo };
};

/** Newest first. */
export const readRecordedDecisions = async (
  operator: OperatorClient,
  about: ExplanationSubject,
  limit: number,
  report: ProgressReport = noReport,
): Promise<RecordedDecision[]> => {
  const chain = createChainReader(() => {});
  const holdings = createAuditedState(() => {});
  const found: RecordedDecision[] = [];
  const take = (record: LedgerRecord, batch: LedgerBatch, sequence: number): void => {
    const matches = isDecision(record) && concerns(record, about, holdings);
    const heldBefore = matches ? licensesOf(holdings, hardwareIdOf(record, holdings), batch.at) : [];
    holdings.fold([record], batch.at, sequence);
    if (!matches) return;
    const entry = entryOf(record, batch, sequence, holdings);
    found.push({ entry, heldBefore, refusal: refusalOf(record) });
    if (found.length > limit) found.shift();
  };
  for await (const m of openLedgerReader(operator, report).read()) {
    const link = chain.follow(m);
    if (link.kind !== 'valid') continue;
    // One by one: the second record of a batch is decided on the state after the first one.
    for (const record of link.batch.records) take(record, link.batch, m.sequence);
  }
  return found.toReversed();
};
