// `calbus reactivate`.

import { Option } from 'commander';
import { reactivationReason, reactivationReasons } from '@calbus/contracts/clearinghouse';
import { liaisonReactivate } from '@calbus/contracts/liaison-messages';
import { JSON_OPTION, longId } from '../../arguments.ts';
import type { DefineCommand } from '../../command-context.ts';
import { addAgreementOptions, parseAgreement, type AgreementOptions } from './agreement-option.ts';
import { addMethodOption, runClearinghouseCommand, type MethodOptions } from './method-option.ts';

const reasonsHelp = Object.entries(reactivationReasons)
  .map(([name, says]) => `  ${name.padEnd(20)} ${says}`)
  .join('\n');

type Options = MethodOptions & AgreementOptions & { readonly reason: string; readonly serverId?: string };

export const define: DefineCommand = (command, { withOperator }) => {
  addMethodOption(addAgreementOptions(command.option(...JSON_OPTION)))
    .addOption(
      new Option('--reason <reason>', 'why').choices(reactivationReason.options).makeOptionMandatory(),
    )
    .option('--server-id <id>', 'its id, where it was installed again', longId)
    .addHelpText('after', `\nReasons:\n${reasonsHelp}`)
    .action((o: Options) => {
      const body = {
        reason: reactivationReason.parse(o.reason),
        paper: parseAgreement(o),
        ...(o.serverId === undefined ? {} : { serverId: o.serverId }),
      };
      const next = 'Where the ledger was lost: calbus recover brings the key packs back.';
      return withOperator((operator) =>
        runClearinghouseCommand(operator, 'reactivate', liaisonReactivate, body, o, next),
      );
    });
};
