// calbus ledger show: why did this device get that?

import { createAudit } from '@calbus/audit/audit';
import type { OperatorClient } from '@calbus/operator-client/client';
import { bold, dim, grouped, json, moment, plain, say } from '../../print.ts';
import { entryOf, type LedgerEntry } from '@calbus/operator-client/ledger/entries';
import { parseLedgerBound, isAtOrAfter } from '@calbus/operator-client/ledger/bounds';
import { openLedgerReader } from '@calbus/operator-client/ledger/reader';

export type ShowFilter = {
  readonly device?: string;
  readonly request?: string;
  readonly license?: string;
  readonly from?: string;
  readonly limit: number;
};

/** Whether an entry is asked for. A device that once had the name is known by its hardware id from then on. */
const matcher = (f: ShowFilter): ((e: LedgerEntry) => boolean) => {
  const device = f.device?.toLowerCase();
  const ids = new Set<string>();
  return (e) => {
    if (device !== undefined) {
      const named = e.deviceName?.toLowerCase().startsWith(device) ?? false;
      if (e.hardwareId !== null && (named || e.hardwareId === device)) ids.add(e.hardwareId);
      if (e.hardwareId === null || !ids.has(e.hardwareId)) return false;
    }
    if (f.request !== undefined && e.requestId !== f.request) return false;
    return f.license === undefined || e.licenseId === f.license || e.supersedes.includes(f.license);
  };
};

/** From a place on the first ones that fit; without one the newest. In the order of the ledger. */
export const readEntries = async (
  operator: OperatorClient,
  f: ShowFilter,
): Promise<{ entries: LedgerEntry[]; more: boolean }> => {
  const from = f.from === undefined ? undefined : parseLedgerBound(f.from);
  const matches = matcher(f);
  const audit = createAudit();
  const entries: LedgerEntry[] = [];
  let more = false;
  for await (const message of openLedgerReader(operator, 'Reading the ledger').read()) {
    const link = audit.take(message);
    if (link.kind !== 'valid') continue;
    const { batch } = link;
    for (const record of batch.records) {
      const entry = entryOf(record, batch, message.sequence, audit.holdings);
      if (!matches(entry) || (from && !isAtOrAfter(from, entry.sequence, entry.time))) continue;
      if (entries.length === f.limit) {
        more = true;
        if (from) return { entries, more };
        entries.shift();
      }
      entries.push(entry);
    }
  }
  return { entries, more };
};

const who = (e: LedgerEntry): string =>
  [
    e.deviceName === null ? undefined : `device ${e.deviceName}`,
    e.hardwareId === null ? undefined : `(${e.hardwareId})`,
    e.userName === null ? undefined : `user ${e.userName}`,
  ]
    .filter((part) => part !== undefined)
    .join(' ');

const asked = (e: LedgerEntry): string =>
  [
    e.terminalServerId === null ? undefined : `asked by ${e.terminalServerId}`,
    e.requestId === null ? undefined : `request ${e.requestId}`,
    e.licenseId === null ? undefined : `license ${e.licenseId}`,
    e.keyPackId === null ? undefined : `key pack ${grouped(e.keyPackId)}`,
  ]
    .filter((part) => part !== undefined)
    .join(', ');

export const show = async (operator: OperatorClient, f: ShowFilter, asJson: boolean): Promise<void> => {
  const { entries, more } = await readEntries(operator, f);
  if (asJson) return json({ entries, more });
  if (entries.length === 0) return say('No such records in the ledger.');
  for (const e of entries) {
    say(`${bold(String(e.sequence).padStart(8))}  ${moment(e.time)}  ${plain(e.says)}`);
    if (e.row !== null) say(`          ${e.row}: ${e.rule ?? ''}`);
    for (const detail of [who(e), asked(e)]) if (detail !== '') say(dim(`          ${plain(detail)}`));
  }
  if (more && f.from === undefined)
    say(dim(`Only the newest ${f.limit}; there are older ones: --limit, --from.`));
  if (more && f.from !== undefined)
    say(dim(`There are more than ${f.limit}: --limit, or --from further on.`));
};
