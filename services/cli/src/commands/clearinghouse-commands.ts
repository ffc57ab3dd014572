// The commands that go to the Clearinghouse: activation in all its kinds, key packs, recovery. Every number is checked before anything
// is sent.

import { readFileSync } from 'node:fs';
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Redis } from 'ioredis';
import { agreementProgram, purchaseProgram, type PurchaseProgram } from '@calbus/contracts/agreement-numbers';
import type { Contact, Installable, AgreementReference } from '@calbus/contracts/purchases';
import { reactivationReason, reactivationReasons } from '@calbus/contracts/clearinghouse';
import { inventoryReleaseReserve } from '@calbus/contracts/inventory-command-messages';
import {
  liaisonAgreements,
  liaisonActivate,
  liaisonChangePack,
  liaisonDeactivate,
  liaisonInstall,
  liaisonReactivate,
  liaisonRecover,
  queryAgreements,
  clearinghouseMethod,
  type LiaisonCommand,
  type ClearinghouseMethod,
} from '@calbus/contracts/liaison-messages';
import {
  licenseCodeProblem,
  normalizeLicenseCode,
  normalizeAgreementNumber,
  agreementNumberProblem,
} from '@calbus/contracts/agreement-numbers';
import type { Body, Contract } from '@calbus/contracts/envelope';
import { subjects, type LiaisonCommandName } from '@calbus/contracts/subjects';
import { licensingMode } from '@calbus/contracts/tokens';
import { productVersion, productVersions } from '@calbus/contracts/versions';
import { newId, operatorName, type OperatorClient } from '@calbus/operator-client/client';
import { bold, day, grouped, json, modeName, plain, say, table } from '../print.ts';
import { Problem } from '@calbus/operator-client/problem';
import { handOut, sayMore } from './carry.ts';
import {
  queueOfflineCommand,
  sendClearinghouseCommand,
} from '@calbus/operator-client/clearinghouse-commands';

type WithOperator = (act: (operator: OperatorClient, redis: Redis) => Promise<void>) => Promise<void>;
type Json = { readonly json?: true };
/** By which road, and where a request file is written. */
type Carrying = { readonly method: ClearinghouseMethod; readonly out?: string };

const progress =
  (o: Json) =>
  (c: LiaisonCommand): void => {
    if (!o.json) say(`${c.about}: ${c.state.state}`);
  };
const ended = (c: LiaisonCommand, o: Json, done: string): void => {
  if (o.json) return json(c);
  const { state } = c;
  if (state.state !== 'done') return;
  if (state.keyPackId !== undefined) say(`Key pack ${grouped(state.keyPackId)}.`);
  if (state.serverId !== undefined) say(`Activated as ${grouped(state.serverId)}.`);
  sayMore(c);
  say(done);
};

/** By the road that was chosen: followed to its end, or handed out to be carried. */
const send = async <C extends Contract>(
  operator: OperatorClient,
  name: LiaisonCommandName,
  c: C,
  body: Omit<Body<C>, 'commandId' | 'by'>,
  o: Json & Carrying,
  done: string,
): Promise<void> => {
  if (o.method === 'automatic')
    return ended(await sendClearinghouseCommand(operator, name, c, body, progress(o)), o, done);
  return handOut(operator, await queueOfflineCommand(operator, name, c, body, o.method), o.method, o);
};
const withRoad = (c: Command): Command =>
  c
    .addOption(
      new Option('--method <road>', 'how it gets to the Clearinghouse')
        .choices(clearinghouseMethod.options)
        .default('automatic'),
    )
    .option('--out <file>', 'web: where the request file is written')
    .hook('preAction', (self) => {
      const { method, out } = self.opts<Carrying>();
      if (out !== undefined && method !== 'web')
        throw new InvalidArgumentError('--out is for a request file: say --method web too.');
    });

/** A 35-character id as people write it. */
const longId = (text: string): string => {
  const id = text.replaceAll(/[\s-]/g, '').toUpperCase();
  if (!/^[A-Z0-9]{35}$/.test(id))
    throw new InvalidArgumentError('must be 35 letters and digits, 7 groups of 5.');
  return id;
};

const paperOf = (program: string, number: string | undefined): AgreementReference =>
  numberedPaper(purchaseProgram.parse(program), number);

const numberedPaper = <P extends PurchaseProgram>(
  kind: P,
  number: string | undefined,
): { program: P; agreementNumber: string } => {
  const agreementNumber = normalizeAgreementNumber(kind, number ?? '');
  const problem =
    number === undefined ? 'is missing: --agreement <number>' : agreementNumberProblem(kind, agreementNumber);
  if (problem !== undefined) throw new InvalidArgumentError(`The agreement number (${kind}) ${problem}.`);
  return { program: kind, agreementNumber };
};

type Bought = {
  agreement?: string;
  code?: string;
  codeFile?: string;
  calVersion?: string;
  mode?: string;
  quantity?: number;
};

/** What was said and does not belong to the program is a mistake that somebody wants to hear of. */
const belongsTo = (program: string, said: Readonly<Record<string, unknown>>, words: string): void => {
  const stray = Object.keys(said).filter((name) => said[name] !== undefined);
  if (stray.length > 0) throw new InvalidArgumentError(`${stray.join(', ')}: ${program} ${words}.`);
};

/** In the list of processes and in a shell's history others can read what was typed; a file is read by its owner. */
const codeIn = (file: string): string => {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new Problem(
      'CANNOT_READ',
      `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'}).`,
    );
  }
};

const purchaseOf = (program: string, o: Bought): Installable => {
  const { agreement, calVersion, mode, quantity, codeFile } = o;
  if (program === 'retail') {
    const said = {
      '--agreement': agreement,
      '--cal-version': calVersion,
      '--mode': mode,
      '--quantity': quantity,
    };
    belongsTo(program, said, 'takes nothing but --code or --code-file; the code says what is in the box');
    if (o.code !== undefined && codeFile !== undefined)
      throw new InvalidArgumentError('Say --code or --code-file, not both.');
    const given = codeFile === undefined ? o.code : codeIn(codeFile);
    const code = normalizeLicenseCode(given ?? '');
    const problem = given === undefined ? 'is missing: --code-file <file>' : licenseCodeProblem(code);
    if (problem !== undefined) throw new InvalidArgumentError(`The license code ${problem}.`);
    return { program, code };
  }
  belongsTo(
    program,
    { '--code': o.code, '--code-file': codeFile },
    'takes no license code, which is of retail boxes',
  );
  const missing = Object.entries({
    '--agreement': agreement,
    '--cal-version': calVersion,
    '--mode': mode,
    '--quantity': quantity,
  })
    .filter(([, value]) => value === undefined)
    .map(([name]) => name);
  if (missing.length > 0) throw new InvalidArgumentError(`Say ${missing.join(', ')} too.`);
  return {
    ...numberedPaper(agreementProgram.parse(program), agreement),
    version: productVersion.parse(calVersion),
    mode: licensingMode.parse(mode),
    quantity: quantity ?? 0,
  };
};

const agreementList = async (operator: OperatorClient, only: AgreementReference | undefined) => {
  const subject = subjects.liaison.query('operator', 'agreements');
  const { serverId, contact, keyPacks } = await operator.ask(subject, queryAgreements, {}, liaisonAgreements);
  const of = ({ purchase: p }: (typeof keyPacks)[number]): boolean =>
    !only || (p.program === only.program && p.agreementNumber === only.agreementNumber);
  return { serverId, contact, keyPacks: keyPacks.filter(of) };
};
type Agreements = Awaited<ReturnType<typeof agreementList>>;

const showAgreements = ({ keyPacks }: Agreements): void => {
  if (keyPacks.length === 0) return say('No key packs were issued to this license server yet.');
  table(
    ['program', 'agreement', 'version', 'type', 'CALs', 'key pack', 'issued'],
    keyPacks.map(({ keyPackId, issuedAt, purchase: p }) => [
      p.program,
      p.agreementNumber,
      p.version,
      modeName(p.mode),
      String(p.quantity),
      grouped(keyPackId),
      day(issuedAt),
    ]),
  );
};

/** As a page to be printed and put away. */
const showPaper = (found: Agreements): void => {
  say(bold('License purchase agreement'));
  if (found.contact) say(plain(`Company           ${found.contact.company}, ${found.contact.country}`));
  if (found.serverId !== null) say(`License server    ${grouped(found.serverId)}`);
  say();
  showAgreements(found);
  say();
  say(
    'Keep this page: with the license server id and the agreement number, calbus reactivate and calbus recover',
  );
  say('bring these CALs back to a license server that was lost with its disk.');
};

export const addClearinghouseCommands = (
  program: Command,
  withOperator: WithOperator,
  whole: (text: string) => number,
): void => {
  const command = (parent: Command, name: string, description: string): Command =>
    parent.command(name).description(description).option('--json', 'print JSON');
  const withPaper = (c: Command): Command =>
    c
      .addOption(
        new Option('--program <program>', 'the purchase program')
          .choices(purchaseProgram.options)
          .makeOptionMandatory(),
      )
      .requiredOption(
        '--agreement <number>',
        'agreement, enrollment or license number; retail: CODE- and a number, from calbus agreements list',
      );

  withRoad(command(program, 'activate', 'have this license server activated by the Clearinghouse'))
    .requiredOption('--first-name <name>', 'of the contact')
    .requiredOption('--last-name <name>', 'of the contact')
    .requiredOption('--company <name>', 'the company')
    .requiredOption('--country <name>', 'the country or region')
    .option('--email <address>', 'e-mail address of the contact')
    .option('--organisation-unit <name>', 'the part of the company')
    .option('--address <text>', 'street and number')
    .option('--city <name>', 'city')
    .option('--state <name>', 'state or province')
    .option('--postal-code <code>', 'postal code')
    .action(({ json: asJson, method, out, ...contact }: Json & Carrying & Contact) =>
      withOperator((operator) => {
        const o = { method, ...(asJson ? { json: asJson } : {}), ...(out === undefined ? {} : { out }) };
        return send(operator, 'activate', liaisonActivate, { contact }, o, 'Next: calbus install.');
      }),
    );

  withRoad(
    withPaper(
      command(
        program,
        'reactivate',
        'a new key and certificate for a license server that was activated before',
      ),
    ),
  )
    .addOption(
      new Option('--reason <reason>', 'why').choices(reactivationReason.options).makeOptionMandatory(),
    )
    .option('--server-id <id>', 'the id it had, where it was set up anew', longId)
    .addHelpText(
      'after',
      `\nReasons:\n${Object.entries(reactivationReasons)
        .map(([name, says]) => `  ${name.padEnd(20)} ${says}`)
        .join('\n')}`,
    )
    .action(
      (o: Json & Carrying & { program: string; agreement: string; reason: string; serverId?: string }) => {
        const body = {
          reason: reactivationReason.parse(o.reason),
          paper: paperOf(o.program, o.agreement),
          ...(o.serverId === undefined ? {} : { serverId: o.serverId }),
        };
        const next = 'Where the ledger was lost: calbus recover brings the key packs back.';
        return withOperator((operator) => send(operator, 'reactivate', liaisonReactivate, body, o, next));
      },
    );

  withRoad(
    command(
      program,
      'deactivate',
      'end the activation: nothing but temporary licenses until it is activated again',
    ),
  ).action((o: Json & Carrying) =>
    withOperator((operator) => {
      const next = 'Deactivated. calbus activate activates it again under its id.';
      return send(operator, 'deactivate', liaisonDeactivate, {}, o, next);
    }),
  );

  withRoad(
    withPaper(command(program, 'recover', 'the key packs of an agreement, for a ledger that has lost them')),
  ).action((o: Json & Carrying & { program: string; agreement: string }) => {
    const body = { paper: paperOf(o.program, o.agreement) };
    const kept = 'Recovered CALs are kept for devices that show their licenses again: calbus packs.';
    return withOperator((operator) => send(operator, 'recover', liaisonRecover, body, o, kept));
  });

  withRoad(
    command(program, 'install', 'have CALs that were bought issued to this license server, and install them'),
  )
    .addArgument(
      program
        .createArgument('<program>', 'the purchase program; spla is that of service providers')
        .choices(['retail', ...agreementProgram.options]),
    )
    .option('--code <code>', 'retail: the license code, 25 characters; others on this machine can see it')
    .option('--code-file <file>', 'retail: a file with the license code, which only you can read')
    .option(
      '--agreement <number>',
      'agreement or enrollment number, 7 digits; open: license number (8 digits), hyphen, authorization number (15 characters); other: as on the paper',
    )
    .addOption(new Option('--cal-version <version>', 'version of the CALs').choices(productVersions))
    .addOption(new Option('--mode <mode>', 'type of the CALs').choices(licensingMode.options))
    .option('--quantity <n>', 'how many', whole)
    .action((name: string, o: Json & Carrying & Bought) => {
      const purchase = purchaseOf(name, o);
      return withOperator((operator) =>
        send(operator, 'install', liaisonInstall, { purchase }, o, 'Installed: calbus packs.'),
      );
    });

  const packs = program.commands.find((c) => c.name() === 'packs');
  if (!packs) throw new Error('packs is not registered yet');
  const change = (name: string, description: string, to: 'agreement' | 'other-mode'): void => {
    withRoad(command(packs, name, description))
      .argument('<key pack>', 'its id', longId)
      .requiredOption('--quantity <n>', 'how many of its free CALs', whole)
      // --json stands on the parent too, which takes it first.
      .action((keyPackId: string, o: { quantity: number }, self: Command) =>
        withOperator(async (operator) => {
          const all = self.optsWithGlobals<Json & Carrying>();
          const body = { keyPackId, quantity: o.quantity, to };
          await send(operator, 'change-pack', liaisonChangePack, body, all, 'Done: calbus packs.');
        }),
      );
  };
  change('remove', 'give free CALs of a key pack back to its agreement', 'agreement');
  change('convert', 'change free CALs of a key pack from Per Device to Per User, or back', 'other-mode');

  const agreements = program.command('agreements').description('the purchase papers of this license server');
  command(agreements, 'list', 'every key pack with its paper').action((o: Json) =>
    withOperator(async (operator) => {
      const found = await agreementList(operator, undefined);
      if (o.json) json(found);
      else showAgreements(found);
    }),
  );
  withPaper(command(agreements, 'show', 'one agreement, as a page to be printed and put away')).action(
    (o: Json & { program: string; agreement: string }) => {
      const only = paperOf(o.program, o.agreement);
      return withOperator(async (operator) => {
        const found = await agreementList(operator, only);
        if (found.keyPacks.length === 0)
          throw new Problem(
            'UNKNOWN_AGREEMENT',
            'This license server has no key pack on it: calbus agreements list.',
          );
        if (o.json) json(found);
        else showPaper(found);
      });
    },
  );

  const reserve = program
    .command('reserve')
    .description('CALs that are kept for devices which show lost licenses again');
  command(reserve, 'release', 'free them for everybody; so many more than were bought may then be in use')
    .option('--why <reason>', 'kept in the ledger', '')
    .action((o: Json & { why: string }) =>
      withOperator(async (operator) => {
        const body = { commandId: newId(), by: operatorName(), why: o.why };
        const accepted = await operator.sendToLeader(inventoryReleaseReserve, body);
        if (o.json) json(accepted);
        else say('Nothing is kept any more: calbus ledger show says how many there were.');
      }),
    );
};
