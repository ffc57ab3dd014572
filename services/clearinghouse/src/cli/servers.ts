// clearinghouse servers, packs, retire, account: the license servers and the vendor's actions on them.

import type { Command } from 'commander';
import { token } from '@calbus/contracts/tokens';
import { command, CommandError, longId, print, withVendorAdmin, type Options } from './command.ts';
import { grouped, packsText, serversText } from './tables.ts';

const retire = (
  text: string,
  o: Options & { readonly yes?: boolean; readonly releaseCals?: boolean },
): void => {
  const serverId = longId(text);
  if (o.yes !== true)
    throw new CommandError(
      'A retired license server can never be activated again. Pass --yes to confirm. Nothing was changed.',
    );
  const release = o.releaseCals === true;
  const done = withVendorAdmin(o, false, (desk) => desk.retire(serverId, release));
  if (!done)
    throw new CommandError(`There is no license server ${grouped(serverId)}: clearinghouse servers.`);
  const { calsReleased } = done;
  print(o, { result: 'retired', serverId, calsReleased }, () =>
    [
      `${grouped(serverId)} is retired. Its commands are refused from now on.`,
      release
        ? `${calsReleased} CALs are back on their agreements.`
        : 'Its CALs stay issued. --release-cals returns them to their agreements.',
    ].join(' '),
  );
};

const move = (text: string, account: string, o: Options): void => {
  const serverId = longId(text);
  if (!token.safeParse(account).success)
    throw new CommandError('The name of an account has 1 to 64 letters, digits, hyphens and underscores.');
  if (!withVendorAdmin(o, false, (desk) => desk.moveAccount(serverId, account)))
    throw new CommandError(`There is no license server ${grouped(serverId)}: clearinghouse servers.`);
  print(
    o,
    { result: 'moved', serverId, account },
    () => `${grouped(serverId)} is known under the account ${account} from now on.`,
  );
};

export const addServers = (program: Command): void => {
  command(
    program,
    'servers',
    'license servers: standing, epoch, last witness, and whether a clone was seen',
  ).action((o: Options) =>
    withVendorAdmin(o, false, (desk) => {
      const list = desk.servers();
      print(o, list, () => serversText(list));
    }),
  );
  command(program, 'packs', 'issued key packs, and the CALs of each').action((o: Options) =>
    withVendorAdmin(o, false, (desk) => {
      const list = desk.packs();
      print(o, list, () => packsText(list));
    }),
  );
  command(program, 'retire', 'end a license server for good')
    .argument('<server id>', 'as clearinghouse servers shows it')
    .option('--yes', 'yes, for good')
    .option('--release-cals', 'return its CALs to their agreements; it must not run any longer')
    .action(retire);
  command(program, 'account', "change a license server's RabbitMQ account")
    .argument('<server id>', 'as clearinghouse servers shows it')
    .argument('<account>', 'the RabbitMQ user')
    .action(move);
};
