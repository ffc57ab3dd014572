// The licenses and pools as the ledger had them at a moment.

import { createChainReader } from '@calbus/audit/chain';
import { createAuditedState, type AuditedState } from '@calbus/audit/audited-state';
import type { OperatorClient } from '../client.ts';
import { noReport, type ProgressReport } from '../progress.ts';
import { stateAt } from './license-state.ts';
import { openLedgerReader } from './reader.ts';

export type HistoryFilter = { readonly device?: string; readonly limit: number };

const holdersAt = (holdings: AuditedState, at: number, filter: HistoryFilter) => {
  const wanted = filter.device?.toLowerCase();
  const holders = [];
  for (const l of holdings.licenses.values()) {
    const state = stateAt(l, at);
    const matches =
      wanted === undefined || l.hardwareId === wanted || l.deviceName.toLowerCase().startsWith(wanted);
    if (state === undefined || !matches) continue;
    if (holders.length === filter.limit) return { holders, more: true };
    const { licenseId, kind, validated, version, keyPackId, hardwareId, deviceName, userName } = l;
    const holder = { hardwareId, deviceName, userName, terminalServerId: l.terminalServerId };
    const dates = { issuedAt: l.issuedAt, notAfter: l.notAfter, sequence: l.sequence };
    holders.push({ licenseId, kind, state, validated, version, keyPackId, ...holder, ...dates });
  }
  return { holders, more: false };
};

export const readLedgerAt = async (
  operator: OperatorClient,
  at: number,
  filter: HistoryFilter,
  report: ProgressReport = noReport,
) => {
  const chain = createChainReader(() => {});
  const holdings = createAuditedState(() => {});
  let position = chain.end();
  for await (const m of openLedgerReader(operator, report).read()) {
    const link = chain.follow(m);
    if (link.kind !== 'valid') continue;
    if (link.batch.at > at) break;
    holdings.fold(link.batch.records, link.batch.at, m.sequence);
    position = chain.end();
  }
  const { generation, sequence, time } = position;
  return {
    at,
    position: { generation, sequence, time },
    perUser: holdings.perUser(),
    pools: holdings.pools(),
    ...holdersAt(holdings, at, filter),
  };
};
