// calbus ledger at: who held what at a time.

import { createChainReader } from '@calbus/audit/chain';
import { createAuditedState, type AuditedState } from '@calbus/audit/audited-state';
import type { OperatorClient } from '../client.ts';
import { day, dim, grouped, json, kindWords, modeName, moment, say, table } from '@calbus/cli/print';
import { stateAt } from './license-state.ts';
import { parseInstant } from './bounds.ts';
import { openLedgerReader } from './reader.ts';

export type HistoryFilter = { readonly device?: string; readonly limit: number };

const holdersOf = (holdings: AuditedState, at: number, filter: HistoryFilter) => {
  const wanted = filter.device?.toLowerCase();
  const holders = [];
  for (const l of holdings.licenses.values()) {
    const state = stateAt(l, at);
    const of =
      wanted === undefined || l.hardwareId === wanted || l.deviceName.toLowerCase().startsWith(wanted);
    if (state === undefined || !of) continue;
    if (holders.length === filter.limit) return { holders, more: true };
    const { licenseId, kind, validated, version, keyPackId, hardwareId, deviceName, userName } = l;
    const who = { hardwareId, deviceName, userName, terminalServerId: l.terminalServerId };
    const since = { issuedAt: l.issuedAt, notAfter: l.notAfter, sequence: l.sequence };
    holders.push({ licenseId, kind, state, validated, version, keyPackId, ...who, ...since });
  }
  return { holders, more: false };
};

/** What the ledger had come to at a time. */
export const readLedgerAt = async (operator: OperatorClient, at: number, filter: HistoryFilter) => {
  const chain = createChainReader(() => {});
  const holdings = createAuditedState(() => {});
  let position = chain.end();
  for await (const m of openLedgerReader(operator, 'Reading the ledger').read()) {
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
    ...holdersOf(holdings, at, filter),
  };
};

export const showAt = async (
  operator: OperatorClient,
  when: string,
  filter: HistoryFilter,
  asJson: boolean,
): Promise<void> => {
  const then = await readLedgerAt(operator, parseInstant(when), filter);
  if (asJson) return json(then);
  if (then.position.sequence === 0) return say(`At ${moment(then.at)} UTC there was no ledger yet.`);
  say(
    `At ${moment(then.at)} UTC; the last record before is ${then.position.sequence}, of ${moment(then.position.time)}.`,
  );
  if (then.pools.length === 0) say('No key packs were installed.');
  else
    table(
      ['version', 'type', 'installed', 'held', 'free', 'temporary'],
      then.pools.map((p) => [
        p.version,
        modeName(p.mode),
        String(p.installed),
        String(p.issued),
        p.mode === 'per-user' && then.perUser === 'unmonitored' ? 'not counted' : String(p.available),
        String(p.temporary),
      ]),
    );
  say();
  if (then.holders.length === 0) return say('Nobody held a license.');
  table(
    ['device', 'hardware id', 'user', 'license', 'kind', 'version', 'key pack', 'state', 'until', 'record'],
    then.holders.map((l) => [
      l.deviceName,
      l.hardwareId,
      l.userName ?? '',
      l.licenseId,
      kindWords(l),
      l.version,
      l.keyPackId === null ? '' : grouped(l.keyPackId),
      l.state,
      day(l.notAfter),
      String(l.sequence),
    ]),
  );
  if (then.more) say(dim(`There are more than ${filter.limit}: --limit, or --device.`));
};
