// The group `calbus terminal-server …`: the terminal servers that may connect. It needs the registrar's profile.

import type { Command } from 'commander';
import { Problem } from '@calbus/operator-client/problem';
import type { Profile } from '@calbus/operator-client/profile';
import type { AdmissionChangeResult } from '@calbus/operator-client/registrar/admission-change';
import {
  admitTerminalServer,
  listAdmissions,
  newKeyPair,
  reloadAdmissions,
  removeTerminalServer,
} from '@calbus/operator-client/registrar/admissions';
import { time } from '@calbus/operator-client/text';
import { JSON_OPTION, type JsonOption } from '../../arguments.ts';
import type { CommandContext, DefineCommand } from '../../command-context.ts';
import { bold, dim, green, json, say, table, yellow } from '../../print.ts';
import { writeSeedFile } from './seed-file.ts';

const STANDARD_OUTPUT = '-';

type AddOptions = JsonOption & { readonly out?: string; readonly publicKey?: string };
type AddCommand = (name: string, description: string) => Command;

const showNodes = ({ nodes, silent }: AdmissionChangeResult): void => {
  say(dim(`In force on ${nodes.length === 1 ? 'NATS' : nodes.join(', ')}; all other connections stayed.`));
  if (silent > 0)
    say(
      yellow(
        `${silent} more of NATS' nodes did not answer. A node that is down takes the list when it starts; for one that runs: calbus terminal-server reload.`,
      ),
    );
};

/** The settings of the library, and of the agent, for the administrator of the terminal server. */
const terminalServerSettings = (profile: Profile, id: string, seedFile: string) => ({
  terminalServerId: id,
  natsUrl: profile.natsUrl,
  seedFile,
  ...(profile.natsCaFile === undefined ? {} : { natsCaFile: profile.natsCaFile }),
  clearinghouseRootFile: profile.clearinghouseRootFile,
});

const add = async (profile: Profile, id: string, o: AddOptions): Promise<void> => {
  if ((o.out === undefined) === (o.publicKey === undefined))
    throw new Problem(
      'WHICH_KEY',
      'Say either --out <file>, for a new identity to be written there, or --public-key <U…> of one that was made elsewhere.',
    );
  const pair = o.out === undefined ? undefined : newKeyPair();
  const publicKey = pair?.publicKey ?? o.publicKey ?? '';
  let undo = (): void => {};
  const prepare = (): void => {
    if (pair && o.out !== undefined && o.out !== STANDARD_OUTPUT) undo = writeSeedFile(o.out, pair.seed);
  };
  const key = pair === undefined ? {} : { seed: pair.seed };
  const result = await admitTerminalServer(profile, { id, publicKey, ...key, prepare }).catch(
    (error: unknown) => {
      undo();
      throw error;
    },
  );
  if (pair && o.out === STANDARD_OUTPUT) return say(pair.seed);
  const seedFile = o.out ?? '<the file with the private half of that key>';
  const settings = terminalServerSettings(profile, id, seedFile);
  if (o.json) {
    const { already, ...changed } = result;
    return json({ id, publicKey, already, ...changed, settings });
  }
  const how = result.already ? 'has been admitted before' : 'is admitted';
  say(green(`Terminal server ${id} ${how}.`));
  showNodes(result);
  say(`${bold('public key')}  ${publicKey}`);
  say(
    "For its administrator: these settings, and the files that they name. The seed is that server's alone.",
  );
  json(settings);
};

const list = async (profile: Profile, asJson: boolean): Promise<void> => {
  const { terminalServers, silent, problem } = await listAdmissions(profile);
  if (asJson) return json({ terminalServers, silent, problem });
  if (terminalServers.length === 0) say('No terminal server is admitted: calbus terminal-server add.');
  else
    table(
      ['terminal server', 'public key', 'since (UTC)', 'connected', 'last heard (UTC)'],
      terminalServers.map((t) => [
        t.id,
        t.publicKey,
        time(t.since),
        t.connected === null ? 'unknown' : t.connections.map((c) => c.ip).join(', ') || 'no',
        t.lastHeard === null ? '' : time(t.lastHeard),
      ]),
    );
  if (problem !== null) say(yellow(`Who is connected is unknown (${problem}).`));
  if (silent > 0) say(yellow(`${silent} of NATS' nodes did not answer.`));
  say(dim('NATS remembers "last heard" from its own start on. The status of each: calbus terminal-servers.'));
};

const remove = async (profile: Profile, id: string, asJson: boolean): Promise<void> => {
  const { publicKey, ...changed } = await removeTerminalServer(profile, id);
  if (asJson) return json({ id, publicKey, ...changed });
  say(green(`Terminal server ${id} is removed: it was disconnected and cannot come back.`));
  showNodes(changed);
  say(dim('Licenses stay with their devices. Its requests of the last minute may still be decided.'));
};

const reload = async (profile: Profile, asJson: boolean): Promise<void> => {
  const changed = await reloadAdmissions(profile);
  if (asJson) json(changed);
  else showNodes(changed);
};

const writeKey = (out: string, asJson: boolean): void => {
  if (out === STANDARD_OUTPUT)
    throw new Problem('CANNOT_WRITE', 'A new identity goes into a file: name one with --out.');
  const { publicKey, seed } = newKeyPair();
  writeSeedFile(out, seed);
  if (asJson) return json({ publicKey, seedFile: out });
  say(`${bold('public key')}  ${publicKey}`);
  say(
    `The private half is in ${out}, and stays on this machine. The operator of the license server needs the public key.`,
  );
};

const addRegistrarCommands = (command: AddCommand, { profile }: CommandContext): void => {
  command('add', 'admit a terminal server')
    .argument('<id>', '1 to 64 letters, digits, _ and -')
    .option('--out <file>', 'make its identity and write the private half there, once; - is standard output')
    .option('--public-key <U…>', 'the public half of an identity made elsewhere (calbus terminal-server key)')
    .action(async (id: string, o: AddOptions) => add(await profile(), id, o));
  command('list', 'who may connect, since when, and who does').action(async (o: JsonOption) =>
    list(await profile(), o.json ?? false),
  );
  command('remove', 'disconnect a terminal server for good; its licenses stay with their devices')
    .argument('<id>', 'as calbus terminal-server list shows it')
    .action(async (id: string, o: JsonOption) => remove(await profile(), id, o.json ?? false));
  command('reload', 'tell every node of NATS to read the list again, for one that did not answer').action(
    async (o: JsonOption) => reload(await profile(), o.json ?? false),
  );
};

export const define: DefineCommand = (group, context) => {
  const command: AddCommand = (name, description) =>
    group
      .command(name)
      .description(description)
      .option(...JSON_OPTION);
  addRegistrarCommands(command, context);
  command('key', 'make an identity on the terminal server itself: needs no license server and no profile')
    .requiredOption('--out <file>', 'where the private half is written, once')
    .action((o: JsonOption & { readonly out: string }) => writeKey(o.out, o.json ?? false));
};
