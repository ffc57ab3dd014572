// The entries of the ledger that concern a device, a request or a license.

import { createAudit } from '@calbus/audit/audit';
import type { OperatorClient } from '../client.ts';
import { noReport, type ProgressReport } from '../progress.ts';
import { isAtOrAfter, parseLedgerBound } from './bounds.ts';
import { entryOf, type LedgerEntry } from './entries.ts';
import { openLedgerReader } from './reader.ts';

export type EntryFilter = {
  readonly device?: string;
  readonly request?: string;
  readonly license?: string;
  readonly from?: string;
  readonly limit: number;
};

/** A device that once had the name is found by its hardware id from that entry on. */
const entryMatcher = (f: EntryFilter): ((e: LedgerEntry) => boolean) => {
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

/** In the order of the ledger: the first matches from `from` on, or else the newest ones. */
export const findEntries = async (
  operator: OperatorClient,
  f: EntryFilter,
  report: ProgressReport = noReport,
): Promise<{ entries: LedgerEntry[]; more: boolean }> => {
  const from = f.from === undefined ? undefined : parseLedgerBound(f.from);
  const matches = entryMatcher(f);
  const audit = createAudit();
  const entries: LedgerEntry[] = [];
  let more = false;
  for await (const message of openLedgerReader(operator, report).read()) {
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
