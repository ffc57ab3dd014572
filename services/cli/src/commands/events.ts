// `calbus events`: what was worth an operator's attention, newest first, with what to do about it.

import { decode } from '@calbus/contracts/envelope';
import { events as known, operatorEvent } from '@calbus/contracts/events';
import { streams } from '@calbus/contracts/streams';
import type { Operator } from '../operator.ts';
import { json, say, table, time } from '../print.ts';

const read = async (operator: Operator, limit: number) => {
  const jsm = await operator.nc.jetstreamManager({ checkAPI: false });
  const { name } = streams.events;
  const { state } = await jsm.streams.info(name);
  const found = [];
  for (let seq = state.last_seq; seq >= state.first_seq && seq > 0 && found.length < limit; seq -= 1) {
    const stored = await jsm.streams.getMessage(name, { seq }).catch(() => undefined);
    const decoded = stored && decode([operatorEvent], stored.data);
    if (decoded?.ok) found.push(decoded.message.body);
  }
  return found;
};

export const events = async (operator: Operator, limit: number, asJson: boolean): Promise<void> => {
  const found = await read(operator, limit);
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
