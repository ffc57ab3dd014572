// The group `calbus agreements …`.

import type { Command } from 'commander';
import { Problem } from '@calbus/operator-client/problem';
import { readAgreements, type AgreementsAnswer } from '@calbus/operator-client/queries';
import { day, grouped, modeName, plain } from '@calbus/operator-client/text';
import { JSON_OPTION, type JsonOption } from '../../arguments.ts';
import type { DefineCommand } from '../../command-context.ts';
import { bold, json, say, table } from '../../print.ts';
import { addAgreementOptions, parseAgreement, type AgreementOptions } from './agreement-option.ts';

const showPacks = ({ keyPacks }: AgreementsAnswer): void => {
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

/** As a page to be printed and filed. */
const showPage = (found: AgreementsAnswer): void => {
  say(bold('License purchase agreement'));
  if (found.contact) say(plain(`Company           ${found.contact.company}, ${found.contact.country}`));
  if (found.serverId !== null) say(`License server    ${grouped(found.serverId)}`);
  say();
  showPacks(found);
  say();
  say(
    'Keep this page: with the license server id and the agreement number, calbus reactivate and calbus recover',
  );
  say('bring these CALs back to a license server that was lost with its disk.');
};

export const define: DefineCommand = (group, { withOperator }) => {
  const add = (name: string, description: string): Command =>
    group
      .command(name)
      .description(description)
      .option(...JSON_OPTION);

  add('list', 'every key pack with its agreement').action((o: JsonOption) =>
    withOperator(async (operator) => {
      const found = await readAgreements(operator);
      if (o.json) json(found);
      else showPacks(found);
    }),
  );
  addAgreementOptions(add('show', 'one agreement, as a page to be printed and filed')).action(
    (o: JsonOption & AgreementOptions) => {
      const only = parseAgreement(o);
      return withOperator(async (operator) => {
        const found = await readAgreements(operator, only);
        if (found.keyPacks.length === 0)
          throw new Problem(
            'UNKNOWN_AGREEMENT',
            'This license server has no key pack on it: calbus agreements list.',
          );
        if (o.json) json(found);
        else showPage(found);
      });
    },
  );
};
