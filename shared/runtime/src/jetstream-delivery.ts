import type { Msg } from 'nats';

/**
 * True where JetStream, and not a publisher, put the message on its subject. Whoever may fetch or read from a stream chooses
 * where JetStream sends it, also to a subject they may not publish to; but what is sent then names where to acknowledge it, or
 * carries JetStream's headers. Messages that are published and wait for no answer have neither.
 */
export const isJetStreamDelivery = (msg: Pick<Msg, 'reply' | 'headers'>): boolean =>
  Boolean(msg.reply) || msg.headers !== undefined;

export type JetStreamDelivery = {
  /** 1 at the first. */
  readonly deliveries: number;
  /** In the stream. */
  readonly sequence: number;
  /** The how manyth message of its consumer it is. */
  readonly consumerSequence: number;
  /** Epoch milliseconds by the server's clock. */
  readonly storedAt: number;
};

/** What JetStream says of a message that a consumer delivers, in the subject on which it is acknowledged; undefined where that is none. */
export const parseDelivery = (reply: string): JetStreamDelivery | undefined => {
  const tokens = reply.split('.');
  if (!reply.startsWith('$JS.ACK.') || tokens.length < 9) return undefined;
  // $JS.ACK[.domain.account].stream.consumer.deliveries.sequence.place.nanoseconds.pending[.…]
  const at = tokens.length === 9 ? 4 : 6;
  const [deliveries = 0, sequence = 0, place = 0, nanoseconds = 0] = tokens.slice(at, at + 4).map(Number);
  return { deliveries, sequence, consumerSequence: place, storedAt: Math.floor(nanoseconds / 1e6) };
};
