// What the ledger itself says about a decision of which nothing else is kept any more: the record, its row, and what was held
// just before. Why the rows above did not match it does not say.

import { createChainReader } from '@calbus/audit/chain';
import { createAuditedState, type AuditedState } from '@calbus/audit/audited-state';
import type { LedgerRecord } from '@calbus/contracts/ledger';
import { refusals } from '@calbus/contracts/refusals';
import type { OperatorClient } from '../client.ts';
import { bold, day, dim, grouped, kindWords, moment, plain, red, say } from '@calbus/cli/print';
import { entryOf, type LedgerEntry } from './entries.ts';
import { openLedgerReader } from './reader.ts';
import type { ExplanationSubject } from '../explanations.ts';

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

type Decided = Extract<LedgerRecord, { row: string }>;
const isDecision = (r: LedgerRecord): r is Decided => 'row' in r;

const hardwareIdOf = (r: Decided, holdings: AuditedState): string | undefined => {
  if ('hardwareId' in r) return r.hardwareId;
  return 'licenseId' in r ? holdings.licenses.get(r.licenseId)?.hardwareId : undefined;
};

const fits = (about: ExplanationSubject, r: Decided, holdings: AuditedState): boolean => {
  if ('requestId' in about) return 'requestId' in r && r.requestId === about.requestId;
  if ('hardwareId' in about) return hardwareIdOf(r, holdings) === about.hardwareId;
  return 'userKey' in r && r.userKey === about.userKey;
};

const heldBy = (holdings: AuditedState, hardwareId: string | undefined, at: number): PriorLicense[] => {
  const held: PriorLicense[] = [];
  if (hardwareId === undefined) return held;
  for (const l of holdings.licenses.values()) {
    if (l.hardwareId !== hardwareId) continue;
    const { licenseId, kind, validated, version, notAfter } = l;
    const state = l.over || l.notAfter <= at ? 'ended' : 'live';
    held.push({ licenseId, kind, validated, version, notAfter, state });
  }
  return held;
};

/** The last decisions that are recorded, newest first. */
export const readRecordedDecisions = async (
  operator: OperatorClient,
  about: ExplanationSubject,
  limit: number,
): Promise<RecordedDecision[]> => {
  const chain = createChainReader(() => {});
  const holdings = createAuditedState(() => {});
  const found: RecordedDecision[] = [];
  for await (const m of openLedgerReader(operator, 'Reading the ledger').read()) {
    const link = chain.follow(m);
    if (link.kind !== 'valid') continue;
    const { batch } = link;
    // One by one: what was held before the second record of a batch is what the first one left.
    for (const record of batch.records) {
      const decides = isDecision(record) && fits(about, record, holdings);
      const heldBefore = decides ? heldBy(holdings, hardwareIdOf(record, holdings), batch.at) : [];
      holdings.fold([record], batch.at, m.sequence);
      if (!decides) continue;
      const code = record.kind === 'refused' ? record.code : undefined;
      const refusal = code === undefined ? null : { code, ...wordsOf(code) };
      found.push({ entry: entryOf(record, batch, m.sequence, holdings), heldBefore, refusal });
      if (found.length > limit) found.shift();
    }
  }
  return found.toReversed();
};

const wordsOf = (code: keyof typeof refusals): { says: string; todo: string } => ({
  says: refusals[code].says,
  todo: refusals[code].todo,
});

export const showRecorded = ({ entry: e, heldBefore, refusal }: RecordedDecision): void => {
  const line = (name: string, text: string): void => say(`${bold(name.padEnd(11))}${plain(text)}`);
  say(plain(e.says));
  if (e.row !== null) line('row', `${e.row}: ${e.rule ?? ''}`);
  line('by', `${e.terminalServerId ?? ''}, request ${e.requestId ?? ''}, ${moment(e.time)} UTC`);
  if (e.hardwareId !== null) line('hardware', `${e.hardwareId} ${e.deviceName ?? ''}`.trimEnd());
  if (e.userName !== null) line('user', e.userName);
  for (const [i, l] of heldBefore.entries())
    line(
      i === 0 ? 'held' : '',
      `${l.licenseId}  ${kindWords(l)}, ${l.version}, until ${day(l.notAfter)}, ${l.state === 'live' ? 'in date' : 'ended'}`,
    );
  if (heldBefore.length === 0 && e.hardwareId !== null) line('held', 'nothing, ever');
  if (e.licenseId !== null) line('license', e.licenseId);
  if (e.keyPackId !== null) line('key pack', grouped(e.keyPackId));
  line('ledger', String(e.sequence));
  say(dim('What this decision saw is not kept any more: that is so after 30 days.'));
  if (refusal) {
    say();
    say(red(plain(refusal.says)));
    line('what to do', refusal.todo);
  }
};
