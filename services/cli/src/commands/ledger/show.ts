// `calbus ledger show`.

import type { OperatorClient } from '@calbus/operator-client/client';
import type { LedgerEntry } from '@calbus/operator-client/ledger/entries';
import { findEntries, type EntryFilter } from '@calbus/operator-client/ledger/entry-search';
import { grouped, moment, plain } from '@calbus/operator-client/text';
import { bold, dim, json, say } from '../../print.ts';
import { withProgress } from '../../progress.ts';

const INDENT = ' '.repeat(10);

const part = (name: string, value: string | null): string[] => (value === null ? [] : [`${name}${value}`]);

const describeDevice = (e: LedgerEntry): string =>
  [
    ...part('device ', e.deviceName),
    ...(e.hardwareId === null ? [] : [`(${e.hardwareId})`]),
    ...part('user ', e.userName),
  ].join(' ');

const describeRequest = (e: LedgerEntry): string =>
  [
    ...part('asked by ', e.terminalServerId),
    ...part('request ', e.requestId),
    ...part('license ', e.licenseId),
    ...(e.keyPackId === null ? [] : [`key pack ${grouped(e.keyPackId)}`]),
  ].join(', ');

const showEntry = (e: LedgerEntry): void => {
  say(`${bold(String(e.sequence).padStart(8))}  ${moment(e.time)}  ${plain(e.says)}`);
  if (e.row !== null) say(`${INDENT}${e.row}: ${e.rule ?? ''}`);
  for (const detail of [describeDevice(e), describeRequest(e)])
    if (detail !== '') say(dim(`${INDENT}${plain(detail)}`));
};

export const showEntries = async (
  operator: OperatorClient,
  f: EntryFilter,
  asJson: boolean,
): Promise<void> => {
  const found = await withProgress('Reading the ledger', (report) => findEntries(operator, f, report));
  if (asJson) return json(found);
  if (found.entries.length === 0) return say('No such records in the ledger.');
  for (const e of found.entries) showEntry(e);
  if (!found.more) return;
  say(
    dim(
      f.from === undefined
        ? `Only the newest ${f.limit}; there are older ones: --limit, --from.`
        : `There are more than ${f.limit}: --limit, or --from further on.`,
    ),
  );
};
