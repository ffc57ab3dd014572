// `calbus licenses`.

import type { HeldLicense } from '@calbus/contracts/inventory-query-messages';
import { readLicenses } from '@calbus/operator-client/queries';
import { day, describeKind } from '@calbus/operator-client/text';
import { JSON_OPTION, MAX_ROWS, wholeNumber, type JsonOption } from '../../arguments.ts';
import type { DefineCommand } from '../../command-context.ts';
import { dim, json, say, table } from '../../print.ts';

type Answer = Awaited<ReturnType<typeof readLicenses>>;

const showLicenses = (licenses: readonly HeldLicense[]): void =>
  table(
    ['device', 'hardware id', 'user', 'license', 'kind', 'version', 'state', 'until'],
    licenses.map((l) => [
      l.deviceName,
      l.hardwareId,
      l.userName ?? '',
      l.licenseId,
      describeKind(l),
      l.version,
      l.ended === undefined ? l.state : `ended: ${l.ended}`,
      day(l.notAfter),
    ]),
  );

const show = ({ licenses, users = [], more }: Answer, limit: number): void => {
  if (licenses.length + users.length === 0) return say('No such licenses.');
  if (licenses.length > 0) showLicenses(licenses);
  if (licenses.length > 0 && users.length > 0) say();
  if (users.length > 0)
    table(
      ['user', 'Per User CALs of', 'state', 'recorded', 'until'],
      users.map((u) => [u.userKey, u.version, u.state, day(u.recordedAt), day(u.notAfter)]),
    );
  if (more) say(dim(`There are more than ${limit}: --limit, --device or --user.`));
};

type Options = JsonOption & { readonly device?: string; readonly user?: string; readonly limit: number };

export const define: DefineCommand = (command, { withOperator }) => {
  command
    .option(...JSON_OPTION)
    .option('--device <id or name>', 'a hardware id, or the beginning of a device name')
    .option('--user <name>', 'a user, as DOMAIN\\name or name')
    .option('--limit <n>', 'at most this many', wholeNumber, 100)
    .action(({ json: asJson, ...filter }: Options) =>
      withOperator(async (operator) => {
        const limit = Math.min(filter.limit, MAX_ROWS);
        const answer = await readLicenses(operator, { ...filter, limit });
        if (asJson) json(answer);
        else show(answer, limit);
      }),
    );
};
