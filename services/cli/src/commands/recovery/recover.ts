// `calbus recover`.

import { liaisonRecover } from '@calbus/contracts/liaison-messages';
import { JSON_OPTION } from '../../arguments.ts';
import type { DefineCommand } from '../../command-context.ts';
import { addAgreementOptions, parseAgreement, type AgreementOptions } from '../purchases/agreement-option.ts';
import { addMethodOption, runClearinghouseCommand, type MethodOptions } from '../purchases/method-option.ts';

export const define: DefineCommand = (command, { withOperator }) => {
  addMethodOption(addAgreementOptions(command.option(...JSON_OPTION))).action(
    (o: MethodOptions & AgreementOptions) => {
      const body = { paper: parseAgreement(o) };
      const next = 'Recovered CALs are kept for devices that show their licenses again: calbus packs.';
      return withOperator((operator) =>
        runClearinghouseCommand(operator, 'recover', liaisonRecover, body, o, next),
      );
    },
  );
};
