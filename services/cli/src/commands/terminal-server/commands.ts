// `calbus terminal-server`: which terminal servers may connect. Not the operator's: it needs the registrar's profile.

import type { Command } from 'commander';
import { bold, json, say } from '../../print.ts';
import { Problem } from '@calbus/operator-client/problem';
import type { Profile } from '@calbus/operator-client/profile';
import { add, type AddOptions } from './add.ts';
import { list } from './list.ts';
import { reload, remove } from './remove.ts';
import { newKeyPair, writeSeed } from './seeds.ts';

type Json = { readonly json?: true };

const newKey = (out: string, asJson: boolean): void => {
  if (out === '-') throw new Problem('CANNOT_WRITE', 'A new identity goes into a file: name one with --out.');
  const pair = newKeyPair();
  writeSeed(out, pair);
  if (asJson) return json({ publicKey: pair.publicKey, seedFile: out });
  say(`${bold('public key')}  ${pair.publicKey}`);
  say(
    `The private half is in ${out}, and stays on this machine. Whoever runs the license server needs the public key.`,
  );
};

export const addTerminalServerCommands = (program: Command, profileOf: () => Profile): void => {
  const group = program
    .command('terminal-server')
    .description(
      'admit and remove terminal servers while everything runs, with the profile of the registrar',
    );
  const command = (name: string, description: string): Command =>
    group.command(name).description(description).option('--json', 'print JSON');

  command('add', 'admit a terminal server')
    .argument('<id>', '1 to 64 letters, digits, _ and -')
    .option('--out <file>', 'make its identity and write the private half there, once; - is standard output')
    .option('--public-key <U…>', 'the public half of an identity made elsewhere (calbus terminal-server key)')
    .action((id: string, o: AddOptions) => add(profileOf(), id, o));
  command('list', 'who may connect, since when, and who does').action((o: Json) =>
    list(profileOf(), o.json ?? false),
  );
  command('remove', 'disconnect a terminal server for good; its licenses stay with their devices')
    .argument('<id>', 'as calbus terminal-server list shows it')
    .action((id: string, o: Json) => remove(profileOf(), id, o.json ?? false));
  command('reload', 'tell every node of NATS to read the list again, for one that did not answer').action(
    (o: Json) => reload(profileOf(), o.json ?? false),
  );
  command('key', 'make an identity on the terminal server itself: needs no license server and no profile')
    .requiredOption('--out <file>', 'where the private half is written, once')
    .action((o: Json & { readonly out: string }) => newKey(o.out, o.json ?? false));
};
