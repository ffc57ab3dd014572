// `calbus ledger at`.

import type { OperatorClient } from '@calbus/operator-client/client';
import { parseInstant } from '@calbus/operator-client/ledger/bounds';
import { readLedgerAt, type HistoryFilter } from '@calbus/operator-client/ledger/history';
import { day, describeKind, grouped, modeName, moment } from '@calbus/operator-client/text';
import { dim, json, say, table } from '../../print.ts';
import { withProgress } from '../../progress.ts';

type Past = Awaited<ReturnType<typeof readLedgerAt>>;

const showPools = ({ pools, perUser }: Past): void => {
  if (pools.length === 0) return say('No key packs were installed.');
  table(
    ['version', 'type', 'installed', 'held', 'free', 'temporary'],
    pools.map((p) => [
      p.version,
      modeName(p.mode),
      String(p.installed),
      String(p.issued),
      p.mode === 'per-user' && perUser === 'unmonitored' ? 'not counted' : String(p.available),
      String(p.temporary),
    ]),
  );
};

const showHolders = ({ holders }: Past): void => {
  if (holders.length === 0) return say('No device held a license.');
  table(
    ['device', 'hardware id', 'user', 'license', 'kind', 'version', 'key pack', 'state', 'until', 'record'],
    holders.map((l) => [
      l.deviceName,
      l.hardwareId,
      l.userName ?? '',
      l.licenseId,
      describeKind(l),
      l.version,
      l.keyPackId === null ? '' : grouped(l.keyPackId),
      l.state,
      day(l.notAfter),
      String(l.sequence),
    ]),
  );
};

const show = (past: Past, limit: number): void => {
  const { at, position } = past;
  if (position.sequence === 0) return say(`At ${moment(at)} UTC there was no ledger yet.`);
  say(`At ${moment(at)} UTC; the last record before is ${position.sequence}, of ${moment(position.time)}.`);
  showPools(past);
  say();
  showHolders(past);
  if (past.more) say(dim(`There are more than ${limit}: --limit, or --device.`));
};

export const showLedgerAt = async (
  operator: OperatorClient,
  when: string,
  filter: HistoryFilter,
  asJson: boolean,
): Promise<void> => {
  const at = parseInstant(when);
  const past = await withProgress('Reading the ledger', (report) =>
    readLedgerAt(operator, at, filter, report),
  );
  if (asJson) json(past);
  else show(past, filter.limit);
};
