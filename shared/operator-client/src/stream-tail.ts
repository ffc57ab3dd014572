// The newest messages of the streams that JetStream keeps for operators: dead letters and events.

import { decode, type Contract, type Message } from '@calbus/contracts/envelope';
import { operatorEvent } from '@calbus/contracts/events';
import { deadLetter } from '@calbus/contracts/dead-letter';
import { streams } from '@calbus/contracts/streams';
import type { OperatorClient } from './client.ts';

/** Newest first. Messages that do not decode are left out. */
const readStreamTail = async <C extends Contract>(
  { nc, permit }: OperatorClient,
  stream: string,
  contract: C,
  limit: number,
): Promise<Message<C>[]> => {
  permit(`$JS.API.STREAM.MSG.GET.${stream}`);
  const jsm = await nc.jetstreamManager({ checkAPI: false });
  const { state } = await jsm.streams.info(stream);
  const found: Message<C>[] = [];
  for (let seq = state.last_seq; seq >= state.first_seq && seq > 0 && found.length < limit; seq -= 1) {
    const stored = await jsm.streams.getMessage(stream, { seq }).catch(() => undefined);
    const decoded = stored && decode([contract], stored.data);
    if (decoded?.ok) found.push(decoded.message);
  }
  return found;
};

export const readDeadLetters = async (operator: OperatorClient, limit: number) =>
  (await readStreamTail(operator, streams.deadLetters.name, deadLetter, limit)).map(({ sentAt, body }) => ({
    at: sentAt,
    ...body,
  }));

export const readEvents = async (operator: OperatorClient, limit: number) =>
  (await readStreamTail(operator, streams.events.name, operatorEvent, limit)).map((m) => m.body);
