// `calbus activate`.

import type { Contact } from '@calbus/contracts/purchases';
import { liaisonActivate } from '@calbus/contracts/liaison-messages';
import { JSON_OPTION } from '../../arguments.ts';
import type { DefineCommand } from '../../command-context.ts';
import { addMethodOption, runClearinghouseCommand, type MethodOptions } from './method-option.ts';

export const define: DefineCommand = (command, { withOperator }) => {
  addMethodOption(command.option(...JSON_OPTION))
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
    .action(({ json, method, out, ...contact }: MethodOptions & Contact) =>
      withOperator((operator) => {
        const o = { method, ...(json ? { json } : {}), ...(out === undefined ? {} : { out }) };
        const next = 'Next: calbus install.';
        return runClearinghouseCommand(operator, 'activate', liaisonActivate, { contact }, o, next);
      }),
    );
};
