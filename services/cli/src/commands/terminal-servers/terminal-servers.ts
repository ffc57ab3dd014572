// `calbus terminal-servers`: the decisions for each terminal server, and its last status report.

import { DAY_MS } from '@calbus/contracts/durations';
import type { KnownTerminalServer } from '@calbus/contracts/inventory-query-messages';
import { readTerminalServers } from '@calbus/operator-client/queries';
import { day, modeName, time } from '@calbus/operator-client/text';
import { JSON_OPTION, MAX_ROWS, wholeNumber, type JsonOption } from '../../arguments.ts';
import type { DefineCommand } from '../../command-context.ts';
import { dim, json, say, table } from '../../print.ts';

type TerminalServerStatus = NonNullable<KnownTerminalServer['standing']>;

const describeGrace = (grace: TerminalServerStatus['grace'], now: number): string => {
  if (grace === null) return 'not begun: no client yet';
  const { over, endsAt } = grace;
  if (over === 'license') return 'over, with its first full license';
  if (over === 'time' || endsAt <= now) return `over since ${day(endsAt)}`;
  return `until ${day(endsAt)}, ${Math.ceil((endsAt - now) / DAY_MS)} days`;
};

const statusCells = (s: TerminalServerStatus | undefined, now: number): string[] =>
  s
    ? [
        s.version,
        s.mode === null ? 'not configured' : modeName(s.mode),
        describeGrace(s.grace, now),
        time(s.at),
      ]
    : ['', '', '', 'never'];

const show = (
  { terminalServers, more }: Awaited<ReturnType<typeof readTerminalServers>>,
  limit: number,
): void => {
  if (terminalServers.length === 0) return say('No such terminal server is known.');
  table(
    ['terminal server', 'temporary', 'full', 'renewed', 'refused', 'version', 'mode', 'grace', 'said (UTC)'],
    terminalServers.map((t) => [
      t.terminalServerId,
      String(t.temporary),
      String(t.full),
      String(t.renewed),
      String(t.refused),
      ...statusCells(t.standing, Date.now()),
    ]),
  );
  if (more) say(dim(`There are more than ${limit}: --limit, or name one.`));
};

export const define: DefineCommand = (command, { withOperator }) => {
  command
    .option(...JSON_OPTION)
    .argument('[id]', 'only this one')
    .option('--limit <n>', 'at most this many', wholeNumber, 100)
    .action((id: string | undefined, o: JsonOption & { readonly limit: number }) =>
      withOperator(async (operator) => {
        const limit = Math.min(o.limit, MAX_ROWS);
        const only = id === undefined ? {} : { terminalServerId: id };
        const answer = await readTerminalServers(operator, { ...only, limit });
        if (o.json) json(answer);
        else show(answer, limit);
      }),
    );
};
