// `calbus deactivate`.

import { liaisonDeactivate } from '@calbus/contracts/liaison-messages';
import { JSON_OPTION } from '../../arguments.ts';
import type { DefineCommand } from '../../command-context.ts';
import { addMethodOption, runClearinghouseCommand, type MethodOptions } from './method-option.ts';

export const define: DefineCommand = (command, { withOperator }) => {
  addMethodOption(command.option(...JSON_OPTION)).action((o: MethodOptions) =>
    withOperator((operator) => {
      const next = 'Deactivated. calbus activate activates it again under its id.';
      return runClearinghouseCommand(operator, 'deactivate', liaisonDeactivate, {}, o, next);
    }),
  );
};
