// `calbus events`.

import { events as eventTable } from '@calbus/contracts/events';
import { readEvents } from '@calbus/operator-client/stream-tail';
import { time } from '@calbus/operator-client/text';
import { JSON_OPTION, wholeNumber, type JsonOption } from '../../arguments.ts';
import type { DefineCommand } from '../../command-context.ts';
import { json, say, table } from '../../print.ts';

type Event = Awaited<ReturnType<typeof readEvents>>[number];

const show = (events: readonly Event[]): void => {
  if (events.length === 0) return say('No events in the last 30 days.');
  table(
    ['at', 'event', 'number', 'about', 'what', 'to do'],
    events.map((e) => [
      time(e.at),
      e.event,
      e.number === null ? '' : String(e.number),
      e.about,
      e.says,
      eventTable[e.event].todo,
    ]),
  );
};

export const define: DefineCommand = (command, { withOperator }) => {
  command
    .option(...JSON_OPTION)
    .option('--limit <n>', 'at most this many', wholeNumber, 20)
    .action((o: JsonOption & { readonly limit: number }) =>
      withOperator(async (operator) => {
        const found = await readEvents(operator, o.limit);
        if (o.json) json(found.map((e) => ({ ...e, todo: eventTable[e.event].todo })));
        else show(found);
      }),
    );
};
