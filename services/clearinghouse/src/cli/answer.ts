// The vendor answers a request file, or its groups by telephone. Uses the same handler and register as RabbitMQ.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { z } from 'zod';
import { formatOfflineFile, parseOfflineFile } from '@calbus/contracts/offline-file';
import { clearinghouseAnswer } from '@calbus/contracts/clearinghouse';
import { rabbitmqNames } from '@calbus/contracts/rabbitmq-names';
import { splitGroups } from '@calbus/phone-codes/phone-code-groups';
import { token } from '@calbus/contracts/tokens';
import { openSqlite } from '@calbus/runtime/sqlite';
import { openJws } from '@calbus/licenses/jws';
import { decodeCommand, encodeAnswer } from '@calbus/phone-codes/phone-code-statements';
import type { Command } from 'commander';
import { cryptoRandom as random } from '../adapters/crypto-random.ts';
import { openSigner, rootFile } from '../adapters/key-material.ts';
import { schema } from '../adapters/schema.ts';
import { hasCodes, sqliteStore } from '../adapters/store.ts';
import { registerFile } from '../config.ts';
import { handleCommand } from '../handlers/command-handler.ts';

type Options = {
  readonly data?: string;
  readonly json?: boolean;
  readonly account: string;
  readonly out?: string;
  readonly spoken?: boolean;
};

const asked = z.object({ id: z.string(), type: z.string(), productId: z.string() });

const readText = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new Error(`${file} cannot be read; check the path.`);
  }
};

const requestOf = async (what: readonly string[], spoken: boolean): Promise<string> => {
  if (!spoken) {
    const [file, ...more] = what;
    if (file === undefined || more.length > 0)
      throw new Error('Name one request file, or pass --spoken and the groups.');
    const read = parseOfflineFile('request', readText(file));
    if (!read.ok) throw new Error(read.says);
    return read.jws;
  }
  let typed = what.join(' ');
  if (typed === '') for await (const line of createInterface({ input: process.stdin })) typed += ` ${line}`;
  const heard = decodeCommand(splitGroups(typed));
  if (heard.ok) return heard.jws;
  const wrong = heard.wrong.map((w) =>
    w.group === 0 ? `The message: ${w.says}.` : `Group ${w.group} ${w.says}.`,
  );
  throw new Error(wrong.join('\n'));
};

const lines = (groups: readonly string[]): string =>
  Array.from({ length: Math.ceil(groups.length / 5) }, (_, i) => {
    const first = i * 5;
    return `${String(first + 1).padStart(4)}: ${groups.slice(first, first + 5).join(' ')}`;
  }).join('\n');

const answer = async (what: readonly string[], o: Options): Promise<void> => {
  const dir = o.data ?? process.env['CALBUS_DATA_DIR'];
  if (dir === undefined)
    throw new Error("Name the Clearinghouse's data directory: --data <dir>, or CALBUS_DATA_DIR.");
  if (!existsSync(registerFile(dir)) || !existsSync(rootFile(dir)))
    throw new Error(`There is no Clearinghouse in ${dir}; check --data, or start the service once.`);
  if (!token.safeParse(o.account).success)
    throw new Error('An account is 1 to 64 letters, digits, hyphens and underscores.');
  const request = await requestOf(what, o.spoken ?? false);
  const db = openSqlite(registerFile(dir), schema);
  try {
    const signer = await openSigner(
      dir,
      process.env['CALBUS_VENDOR'] ?? 'Clearinghouse',
      hasCodes(db),
      Date.now(),
    );
    const deps = { store: sqliteStore(db), signer, random, now: Date.now };
    const delivery = {
      bytes: Buffer.from(request, 'latin1'),
      routingKey: rabbitmqNames.commandKey(o.account),
      user: o.account,
    };
    const outcome = await handleCommand(deps, delivery);
    if (outcome.kind === 'dead') throw new Error(`The request cannot be answered: ${outcome.fault.detail}`);
    const command = asked.parse(openJws(request)?.payload);
    const said = clearinghouseAnswer.parse(openJws(outcome.answer)?.payload);
    const about = said.type === 'rejected' ? `rejected: ${said.body.says}` : `${said.type}.`;
    const facts = {
      command: command.type,
      commandId: command.id,
      productId: command.productId,
      account: o.account,
    };
    if (o.spoken === true) {
      const groups = await encodeAnswer(outcome.answer, request, readFileSync(rootFile(dir), 'utf8'));
      if (!groups)
        throw new Error('The answer is too long for the telephone, or has an older form: send it as a file.');
      if (o.json === true) return console.log(JSON.stringify({ ...facts, answer: about, groups }, null, 2));
      return console.log(
        `${command.type} of ${command.productId}, account ${o.account}: ${about}\nThe answer has ${groups.length} groups:\n${lines(groups)}`,
      );
    }
    const file = o.out ?? `calbus-answer-${command.id}.txt`;
    const head = [
      ['Answer', about],
      ['To', `${command.type}, command ${command.id}`],
      ['License server', command.productId],
      ['Answered', new Date(said.issuedAt).toISOString()],
      ['What to do', 'Take this file to the license server: calbus requests import <this file>'],
    ] as const;
    writeFileSync(file, formatOfflineFile('answer', head, outcome.answer), { mode: 0o600 });
    console.log(
      o.json === true
        ? JSON.stringify({ ...facts, answer: about, file }, null, 2)
        : `${command.type} of ${command.productId}, account ${o.account}: ${about}\nThe answer is in ${file}.`,
    );
  } finally {
    db.close();
  }
};

export const addAnswerCommand = (program: Command): void => {
  program
    .command('answer')
    .description('answer a request file, or the groups of one by telephone')
    .argument(
      '[request...]',
      'the request file; with --spoken its groups, or none to read them from standard input',
    )
    .requiredOption(
      '--account <name>',
      'the account of the license server; no broker checks it here, so check the caller first',
    )
    .option('--spoken', 'the request is groups of letters, and so is the answer')
    .option('--out <file>', 'where the answer is written (default: calbus-answer-<command>.txt)')
    .option('--data <dir>', "the Clearinghouse's data directory (default: CALBUS_DATA_DIR)")
    .option('--json', 'print JSON')
    .action(answer);
};
