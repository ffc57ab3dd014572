import type { Msg } from 'nats';

/**
 * Whether JetStream, and not a publisher, put the message on its subject. A client that may fetch from a stream chooses where JetStream
 * sends the message, also a subject that the client may not publish to. Such a message has a reply subject for the acknowledgement, or
 * JetStream's headers. A published message that expects no answer has neither.
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

/** The delivery facts in a subject on which a message is acknowledged; undefined for any other subject. */
export const parseDelivery = (reply: string): JetStreamDelivery | undefined => {
  const tokens = reply.split('.');
  if (!reply.startsWith('$JS.ACK.') || tokens.length < 9) return undefined;
  // $JS.ACK[.domain.account].stream.consumer.deliveries.sequence.place.nanoseconds.pending[.…]
  const at = tokens.length === 9 ? 4 : 6;
  const [deliveries = 0, sequence = 0, place = 0, nanoseconds = 0] = tokens.slice(at, at + 4).map(Number);
  return { deliveries, sequence, consumerSequence: place, storedAt: Math.floor(nanoseconds / 1e6) };
};
