// `calbus terminal-servers`: what was decided for each, and how it last said that it stands.

import {
  inventoryTerminalServers,
  queryTerminalServers,
  type KnownTerminalServer,
} from '@calbus/contracts/inventory-query-messages';
import { subjects } from '@calbus/contracts/subjects';
import type { OperatorClient } from '@calbus/operator-client/client';
import { day, dim, json, modeName, say, table, time } from '../print.ts';

type Standing = NonNullable<KnownTerminalServer['standing']>;

const DAY = 86_400_000;

export const graceWords = (grace: Standing['grace'], now: number): string => {
  if (grace === null) return 'not begun: no client yet';
  const { over, endsAt } = grace;
  if (over === 'license') return 'over, with its first full license';
  if (over === 'time' || endsAt <= now) return `over since ${day(endsAt)}`;
  return `until ${day(endsAt)}, ${Math.ceil((endsAt - now) / DAY)} days`;
};

const standingCells = (s: Standing | undefined, now: number): string[] =>
  s
    ? [s.version, s.mode === null ? 'not configured' : modeName(s.mode), graceWords(s.grace, now), time(s.at)]
    : ['', '', '', 'never'];

type Filter = { readonly terminalServerId?: string; readonly limit: number };

export const askTerminalServers = (operator: OperatorClient, filter: Filter) =>
  operator.ask(
    subjects.inventory.query('operator', 'terminal-servers'),
    queryTerminalServers,
    filter,
    inventoryTerminalServers,
  );

export const terminalServers = async (
  operator: OperatorClient,
  filter: Filter,
  asJson: boolean,
): Promise<void> => {
  const answer = await askTerminalServers(operator, filter);
  if (asJson) return json(answer);
  if (answer.terminalServers.length === 0) return say('No terminal server that is asked for is known.');
  table(
    ['terminal server', 'temporary', 'full', 'renewed', 'refused', 'version', 'mode', 'grace', 'said (UTC)'],
    answer.terminalServers.map((t) => [
      t.terminalServerId,
      String(t.temporary),
      String(t.full),
      String(t.renewed),
      String(t.refused),
      ...standingCells(t.standing, Date.now()),
    ]),
  );
  if (answer.more) say(dim(`There are more than ${filter.limit}: --limit, or name one.`));
};
