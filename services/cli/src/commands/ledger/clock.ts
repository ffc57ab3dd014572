// The group `calbus clock …`.

import { operatorName } from '@calbus/operator-client/ids';
import { confirmClock } from '@calbus/operator-client/inventory-commands';
import { JSON_OPTION, WHY_OPTION, type JsonOption } from '../../arguments.ts';
import type { DefineCommand } from '../../command-context.ts';
import { json, say } from '../../print.ts';

export const define: DefineCommand = (group, { withOperator }) => {
  group
    .command('confirm')
    .description('state that it is right: CALs of ended licenses return to their pools again')
    .option(...WHY_OPTION)
    .option(...JSON_OPTION)
    .action((o: JsonOption & { readonly why: string }) =>
      withOperator(async (operator) => {
        const { position } = await confirmClock(operator, { by: operatorName(), why: o.why });
        if (o.json) json({ position });
        else say('The clock of the leader is confirmed: CALs of ended licenses return to their pools again.');
      }),
    );
};
