// The newest messages of a stream that keeps them for operators: dead letters, events.

import { decode, type Contract, type Message } from '@calbus/contracts/envelope';
import type { OperatorClient } from './client.ts';

/** At most so many, newest first; what does not decode is left out. */
export const readStreamTail = async <C extends Contract>(
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
