// `calbus events`: what was worth an operator's attention, newest first, with what to do about it.

import { events as known, operatorEvent } from '@calbus/contracts/events';
import { streams } from '@calbus/contracts/streams';
import { readStreamTail } from '@calbus/operator-client/stream-tail';
import type { OperatorClient } from '@calbus/operator-client/client';
import { json, say, table, time } from '../print.ts';

export const events = async (operator: OperatorClient, limit: number, asJson: boolean): Promise<void> => {
  const found = (await readStreamTail(operator, streams.events.name, operatorEvent, limit)).map(
    (m) => m.body,
  );
  if (asJson) return json(found.map((e) => ({ ...e, todo: known[e.event].todo })));
  if (found.length === 0) return say('No events in the last 30 days.');
  table(
    ['at', 'event', 'number', 'about', 'what', 'to do'],
    found.map((e) => [
      time(e.at),
      e.event,
      e.number === null ? '' : String(e.number),
      e.about,
      e.says,
      known[e.event].todo,
    ]),
  );
};
