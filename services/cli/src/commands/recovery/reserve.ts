// The group `calbus reserve …`.

import { operatorName } from '@calbus/operator-client/ids';
import { releaseReserve } from '@calbus/operator-client/inventory-commands';
import { JSON_OPTION, WHY_OPTION, type JsonOption } from '../../arguments.ts';
import type { DefineCommand } from '../../command-context.ts';
import { json, say } from '../../print.ts';

export const define: DefineCommand = (group, { withOperator }) => {
  group
    .command('release')
    .description('free them for everybody; more CALs than were bought may then be in use')
    .option(...JSON_OPTION)
    .option(...WHY_OPTION)
    .action((o: JsonOption & { readonly why: string }) =>
      withOperator(async (operator) => {
        const accepted = await releaseReserve(operator, { by: operatorName(), why: o.why });
        if (o.json) json(accepted);
        else say('No CAL is reserved any more: calbus ledger show says how many there were.');
      }),
    );
};
