// `calbus status`.

import { Problem } from '@calbus/operator-client/problem';
import { readStatus } from '@calbus/operator-client/status';
import { JSON_OPTION, type JsonOption } from '../../arguments.ts';
import type { DefineCommand } from '../../command-context.ts';
import { json } from '../../print.ts';
import { showStatus } from './status-view.ts';

export const define: DefineCommand = (command, { withLiveCounts }) => {
  command.option(...JSON_OPTION).action((o: JsonOption) =>
    withLiveCounts(async (operator, redis) => {
      const status = await readStatus(operator, redis);
      if (o.json) json(status);
      else showStatus(status);
      if (!status.inventory)
        throw new Problem('UNREACHABLE', 'Inventory does not answer: check that it runs, and read its log.');
    }),
  );
};
