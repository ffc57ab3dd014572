import type { Msg } from 'nats';

/**
 * True where JetStream, and not a publisher, put the message on its subject. Whoever may fetch or read from a stream chooses
 * where JetStream sends it, also to a subject they may not publish to; but what is sent then names where to acknowledge it, or
 * carries JetStream's headers. Messages that are published and wait for no answer have neither.
 */
export const deliveredByJetStream = (msg: Pick<Msg, 'reply' | 'headers'>): boolean =>
  Boolean(msg.reply) || msg.headers !== undefined;
