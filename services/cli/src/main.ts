// calbus: the operator's command.

import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Redis } from 'ioredis';
import { productVersion, productVersions } from '@calbus/contracts/versions';
import { licensingMode, token } from '@calbus/contracts/tokens';
import type { LicenseRequest } from '@calbus/terminal-server/client';
import { admit, admitModes } from './commands/admit.ts';
import { addBackupCommands } from './commands/backup/commands.ts';
import { addCarryCommands } from './commands/carry.ts';
import { addClearinghouseCommands } from './commands/clearinghouse-commands.ts';
import { addDeviceCommands } from './commands/devices.ts';
import { runDiagnose } from './commands/diagnose/command.ts';
import { events } from './commands/events.ts';
import { aboutOf, explain } from './commands/explain/command.ts';
import { addLedgerCommands } from './commands/ledger/commands.ts';
import { deadLetters, licenses, packs, requests } from './commands/lists.ts';
import { phone } from './commands/phone.ts';
import { connectTerminalServer, report, request } from '@calbus/operator-client/terminal-server-connection';
import { addReportCommands } from './commands/report/commands.ts';
import { revoke } from './commands/revoke.ts';
import { confirmClock } from './commands/clock.ts';
import * as settings from './commands/settings.ts';
import { status } from './commands/status.ts';
import { addTerminalServerCommands } from './commands/terminal-server/commands.ts';
import { terminalServers } from './commands/terminal-servers.ts';
import { watch } from './commands/watch.ts';
import { openLiveCounts } from '@calbus/operator-client/live-counts';
import { connectOperator, operatorName, type OperatorClient } from '@calbus/operator-client/client';
import { Problem } from '@calbus/operator-client/problem';
import { json, plain } from './print.ts';
import { loadProfile, readSecret, redisAuthority, type Profile } from '@calbus/operator-client/profile';

const program = new Command('calbus')
  .description('calbus, the license server for terminal servers: what the operator can see and do')
  .option(
    '--profile <file>',
    'where the license server is and who you are there (default: .calbus/operator.json here or above)',
  )
  .configureOutput({ outputError: (text, write) => write(text) })
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

const whole = (text: string): number => {
  if (!/^[0-9]{1,9}$/.test(text) || text === '0')
    throw new InvalidArgumentError('must be a whole number from 1.');
  return Number(text);
};
const hardwareId = (text: string): string => {
  if (!/^[0-9a-fA-F]{40}$/.test(text)) throw new InvalidArgumentError('must be 40 hex digits (20 bytes).');
  return text.toLowerCase();
};
const licenseId = (text: string): string => {
  if (!token.safeParse(text).success)
    throw new InvalidArgumentError('must be a license id: letters, digits, - and _.');
  return text;
};
const profileOf = (): Profile => loadProfile(program.opts<{ profile?: string }>().profile);

const withOperator = async (
  act: (operator: OperatorClient, redis: Redis) => Promise<void>,
): Promise<void> => {
  const profile = profileOf();
  const operator = await connectOperator(profile);
  const password = readSecret(profile.redisPasswordFile);
  const redis = openLiveCounts(profile.redisUrl, profile.redisUser, password, redisAuthority(profile));
  try {
    await act(operator, redis);
  } finally {
    redis.disconnect();
    await operator.close();
  }
};

const command = (name: string, description: string): Command =>
  program.command(name).description(description).option('--json', 'print JSON');

command('status', 'leader, ledger, activation, stock, and how far the live counts are').action(
  (o: { json?: true }) => withOperator((operator, redis) => status(operator, redis, o.json ?? false)),
);
command('packs', 'the installed key packs, and what is left of each').action((o: { json?: true }) =>
  withOperator((operator) => packs(operator, o.json ?? false)),
);
command('licenses', 'who holds which license, until when')
  .option('--device <id or name>', 'a hardware id, or the beginning of a device name')
  .option('--user <name>', 'a user, as DOMAIN\\name or name')
  .option('--limit <n>', 'at most so many', whole, 100)
  .action(({ json: asJson, ...filter }: { json?: true; device?: string; user?: string; limit: number }) =>
    withOperator((operator) =>
      licenses(operator, { ...filter, limit: Math.min(filter.limit, 1_000) }, asJson ?? false),
    ),
  );
command('terminal-servers', 'what was decided for each terminal server, and how it stands')
  .argument('[id]', 'only this one')
  .option('--limit <n>', 'at most so many', whole, 100)
  .action((id: string | undefined, o: { json?: true; limit: number }) =>
    withOperator((operator) => {
      const only = id === undefined ? {} : { terminalServerId: id };
      return terminalServers(operator, { ...only, limit: Math.min(o.limit, 1_000) }, o.json ?? false);
    }),
  );
addTerminalServerCommands(program, profileOf);
const requestsCommand = command(
  'requests',
  'what was asked of the Clearinghouse, where it stands, and what to do for what a person carries',
).action((o: { json?: true }) => withOperator((operator) => requests(operator, o.json ?? false)));
addCarryCommands(requestsCommand, withOperator);
command('phone', "the Clearinghouse's telephone number")
  .argument('[country or region]', 'only there')
  .action((where: string | undefined, o: { json?: true }) => phone(profileOf(), where, o.json ?? false));
command('dead-letters', 'messages that no one could handle, newest first, and why')
  .option('--limit <n>', 'at most so many', whole, 20)
  .action((o: { json?: true; limit: number }) =>
    withOperator((operator) => deadLetters(operator, o.limit, o.json ?? false)),
  );
command('events', "what was worth an operator's attention in the last 30 days, newest first")
  .option('--limit <n>', 'at most so many', whole, 20)
  .action((o: { json?: true; limit: number }) =>
    withOperator((operator) => events(operator, o.limit, o.json ?? false)),
  );
command('diagnose', 'what is wrong, worst first, and what to do about it; changes nothing')
  .option(
    '--terminal-server <id>',
    "also whether this one of the profile's terminal servers is given licenses",
  )
  .addHelpText('after', '\nExit code 1 where something stops licenses.')
  .action((o: { json?: true; terminalServer?: string }) =>
    runDiagnose(profileOf(), o.terminalServer, o.json ?? false),
  );
command('explain', 'why did this device, or this user, get that: what was looked at, rule by rule')
  .argument('[id]', 'a request id, or a hardware id (40 hex digits): what that device was given last')
  .option('--user <name>', 'what this user was given last, as DOMAIN\\name')
  .option('--limit <n>', 'of a device or a user the last n decisions, newest first; 20 at most', whole, 1)
  .action((id: string | undefined, o: { json?: true; user?: string; limit: number }) => {
    const about = aboutOf(id, o.user);
    return withOperator((operator) => explain(operator, about, o.limit, o.json ?? false));
  });
command('watch', 'live counts, and each decision as it is made, until Ctrl-C')
  .option('--for <seconds>', 'end by itself after so long', whole)
  .action((o: { json?: true; for?: number }) =>
    withOperator(async (operator, redis) => {
      const end = new AbortController();
      process.once('SIGINT', () => end.abort());
      process.once('SIGTERM', () => end.abort());
      if (o.for !== undefined) setTimeout(() => end.abort(), o.for * 1_000).unref();
      await watch(operator, redis, o.json ?? false, end.signal);
    }),
  );

addLedgerCommands(program, withOperator, whole);
addReportCommands(program, withOperator, whole);
addDeviceCommands(program, withOperator, hardwareId);
command('revoke', 'end a full Per Device license early, so that its CAL is free at once')
  .argument('<licenseId>', 'the license, as calbus licenses shows it', licenseId)
  .option('--why <reason>', 'kept in the ledger', '')
  .addHelpText('after', '\nAn id that begins with a dash goes after two more: calbus revoke -- -x7…')
  .action((id: string, o: { json?: true; why: string }) =>
    withOperator((operator) => revoke(operator, id, operatorName(), o.why, o.json ?? false)),
  );

type RequestOptions = {
  json?: true;
  terminalServer: string;
  hardwareId: string;
  deviceName: string;
  user?: string;
  domain?: string;
  authenticatedBy?: string;
  presented?: string;
  validated?: string;
  mode?: string;
  productVersion?: string;
  requestId?: string;
};
const userOf = (o: {
  user?: string;
  domain?: string;
  authenticatedBy?: string;
}): Pick<LicenseRequest, 'user'> =>
  o.user === undefined
    ? {}
    : {
        user: {
          name: o.user,
          ...(o.domain === undefined ? {} : { domain: o.domain }),
          ...(o.authenticatedBy === undefined ? {} : { authenticatedBy: o.authenticatedBy }),
        },
      };
command('request', 'act as a terminal server: ask for a license, or report a log-on with --validated')
  .requiredOption('--terminal-server <id>', "which of the profile's terminal servers to be")
  .requiredOption('--hardware-id <hex>', '40 hex digits', hardwareId)
  .option('--device-name <name>', 'the name of the device', 'unnamed')
  .option('--user <name>', 'the user who logs on')
  .option('--domain <name>', "the user's domain")
  .option('--authenticated-by <what>', 'by what the user was authenticated, such as pam')
  .option('--presented <file>', 'a file with the license that the client presents')
  .option('--validated <licenseId>', 'report a log-on from the device with this temporary license')
  .option('--request-id <id>', 'ask again under the same id')
  .addOption(
    new Option('--mode <mode>', "instead of the profile's licensing mode").choices(licensingMode.options),
  )
  .addOption(
    new Option('--product-version <version>', "instead of the profile's version").choices(productVersions),
  )
  .action(async (o: RequestOptions) => {
    const acting = {
      ...(o.mode === undefined ? {} : { mode: licensingMode.parse(o.mode) }),
      ...(o.productVersion === undefined ? {} : { version: productVersion.parse(o.productVersion) }),
    };
    const server = await connectTerminalServer(profileOf(), o.terminalServer, acting);
    try {
      if (o.validated !== undefined) return await report(server, o.validated, o.hardwareId, o.json ?? false);
      const ask = {
        device: { hardwareId: o.hardwareId, name: o.deviceName },
        ...userOf(o),
        ...(o.presented === undefined ? {} : { presented: readFileSync(o.presented, 'utf8').trim() }),
        ...(o.requestId === undefined ? {} : { requestId: o.requestId }),
      };
      return await request(server, ask, o.json ?? false);
    } finally {
      await server.close();
    }
  });

type AdmitCommandOptions = Omit<RequestOptions, 'presented' | 'validated' | 'mode'> & {
  store: string;
  client?: string;
  mode?: (typeof admitModes)[number];
};
command('admit', 'act as a terminal server at a log-on: is the client let in, by which row, and with what')
  .requiredOption('--terminal-server <id>', "which of the profile's terminal servers to be")
  .requiredOption('--hardware-id <hex>', '40 hex digits', hardwareId)
  .requiredOption('--store <file>', 'what the terminal server keeps: its grace period, whom it trusts')
  .option('--client <file>', 'what the client keeps: its license is presented from there, and put there')
  .option('--device-name <name>', 'the name of the device', 'unnamed')
  .option('--user <name>', 'the user who logs on')
  .option('--domain <name>', "the user's domain")
  .option('--authenticated-by <what>', 'by what the user was authenticated, such as pam')
  .addOption(new Option('--mode <mode>', "instead of the profile's licensing mode").choices(admitModes))
  .addOption(
    new Option('--product-version <version>', "instead of the profile's version").choices(productVersions),
  )
  .action((o: AdmitCommandOptions) =>
    admit(
      profileOf(),
      o.terminalServer,
      {
        storeFile: o.store,
        ...(o.client === undefined ? {} : { clientFile: o.client }),
        ...(o.mode === undefined ? {} : { mode: o.mode }),
        ...(o.productVersion === undefined ? {} : { version: productVersion.parse(o.productVersion) }),
      },
      { device: { hardwareId: o.hardwareId, name: o.deviceName }, ...userOf(o) },
      o.json ?? false,
    ),
  );

addClearinghouseCommands(program, withOperator, whole);
addBackupCommands(program, withOperator);

const settingsCommand = program.command('settings').description('what is set for the whole license server');
settingsCommand
  .command('get')
  .description('the settings in force')
  .argument('[names...]', 'only these')
  .option('--json', 'print JSON')
  .action((names: string[], o: { json?: true }) =>
    withOperator((operator) => settings.get(operator, names, o.json ?? false)),
  );
settingsCommand
  .command('set')
  .description('change settings; in force at once, and kept in the ledger')
  .argument(
    '<changes...>',
    'name=value, such as preventLicenseUpgrade=true or \'securityGroup=["ts1"]\'; off turns off',
  )
  .option('--why <reason>', 'kept with the change', '')
  .option('--json', 'print JSON')
  .action((changes: string[], o: { json?: true; why: string }) =>
    withOperator((operator) => settings.set(operator, changes, operatorName(), o.why, o.json ?? false)),
  );
settingsCommand
  .command('history')
  .description('who changed what, when and why; newest first')
  .option('--json', 'print JSON')
  .action((o: { json?: true }) => withOperator((operator) => settings.history(operator, o.json ?? false)));
program
  .command('clock')
  .description("the leader's clock, when it was found to depart from others (CLOCK_SUSPECT)")
  .command('confirm')
  .description('say that it is right as it is: CALs of ended licenses are returned again')
  .option('--why <reason>', 'kept in the ledger', '')
  .option('--json', 'print JSON')
  .action((o: { json?: true; why: string }) =>
    withOperator((operator) => confirmClock(operator, operatorName(), o.why, o.json ?? false)),
  );

/** A mistake in what was typed points at the help of the very command. */
const pointToHelp = (of: typeof program, name: string): void => {
  of.showHelpAfterError(`(${name} --help says more)`);
  for (const c of of.commands) pointToHelp(c, `${name} ${c.name()}`);
};
pointToHelp(program, 'calbus');

try {
  await program.parseAsync(process.argv);
} catch (error) {
  const asJson = process.argv.includes('--json');
  if (asJson && error instanceof Problem)
    json({ error: { code: error.code, says: error.message, ...error.facts } });
  else process.stderr.write(`calbus: ${plain(error instanceof Error ? error.message : String(error))}\n`);
  // A mistake in what was typed, which is seen only when all of it is looked at.
  process.exitCode = error instanceof InvalidArgumentError ? 2 : 1;
}
// A driver that waits for a server which says nothing cannot be told to stop, and would keep a command that is done from ending.
process.stdout.write('', () => process.exit());
