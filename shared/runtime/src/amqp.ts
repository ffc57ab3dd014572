// One connection to RabbitMQ as one user. It reconnects for ever and declares its topology and consumer on each connection. It also
// reconnects when the broker closes the channel, because a connection without a channel does nothing.

import { connect, type ChannelModel, type ConfirmChannel, type ConsumeMessage, type Options } from 'amqplib';
import { z } from 'zod';
import type { Clock } from './clock.ts';
import { certificateFile, fileContent } from './config.ts';
import { errorFacts, type Log } from './log.ts';
import { tlsAdvice, type TlsNames } from './tls-advice.ts';

/** What a service that speaks AMQP is told. */
export const amqpConfig = {
  rabbitmqUrl: z
    .string()
    .regex(/^amqps?:\/\/[^\s@/]+(\/[A-Za-z0-9._-]*)?$/, 'must be amqp://host:port, without user and password')
    .describe(
      '`amqp://host:port` or `amqps://host:port`, without user and password; `/name` at the end names a virtual host.',
    ),
  rabbitmqUser: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, _ and -')
    .describe('The account at RabbitMQ.'),
  rabbitmqPasswordFile: fileContent.describe("File with that account's password."),
  rabbitmqCaFile: certificateFile
    .optional()
    .describe(
      'Over amqps: file with the authorities that may have certified RabbitMQ, in PEM. Without it, the authorities that Node knows.',
    ),
  rabbitmqCertificateFile: certificateFile
    .optional()
    .describe('Over amqps, if RabbitMQ asks for one: file with the certificate of the service, in PEM.'),
  rabbitmqKeyFile: fileContent.optional().describe("File with that certificate's private key, in PEM."),
} as const;

/** How RabbitMQ is reached, as amqpConfig says it. */
export type AmqpEndpoint = {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
};

type AmqpConfig = {
  readonly rabbitmqUrl: string;
  readonly rabbitmqUser: string;
  readonly rabbitmqPasswordFile: string;
  readonly rabbitmqCaFile?: string | undefined;
  readonly rabbitmqCertificateFile?: string | undefined;
  readonly rabbitmqKeyFile?: string | undefined;
};

export const amqpEndpoint = (c: AmqpConfig): AmqpEndpoint => ({
  url: c.rabbitmqUrl,
  user: c.rabbitmqUser,
  password: c.rabbitmqPasswordFile,
  tls: {
    ...(c.rabbitmqCaFile === undefined ? {} : { ca: c.rabbitmqCaFile }),
    ...(c.rabbitmqCertificateFile === undefined ? {} : { cert: c.rabbitmqCertificateFile }),
    ...(c.rabbitmqKeyFile === undefined ? {} : { key: c.rabbitmqKeyFile }),
  },
});

const tlsNames: TlsNames = {
  server: 'RabbitMQ',
  url: 'CALBUS_RABBITMQ_URL',
  caFile: 'CALBUS_RABBITMQ_CA_FILE',
  scheme: 'amqps://',
};

/** User and password are given apart from the address, so that no message repeats them. */
export type AmqpOptions = AmqpEndpoint & {
  readonly name: string;
  readonly log: Log;
  /** Declares what this side declares. Runs on each connection; what it throws ends that connection, and the next tries again. */
  readonly declare: (channel: ConfirmChannel) => Promise<void>;
  readonly consume?: {
    readonly queue: string;
    readonly prefetch: number;
    /** One at a time, in order. `settled` acknowledges, `later` has it delivered again after a moment; so does an error. */
    readonly handle: (delivery: AmqpDelivery) => Promise<'settled' | 'later'>;
  };
  readonly onUp?: () => void;
  readonly clock: Clock;
};

export type AmqpDelivery = {
  readonly bytes: Uint8Array;
  readonly routingKey: string;
  /** The sender's account, for which the broker vouches; absent where the sender did not state it. */
  readonly user: string | undefined;
  /** 1 the first time. */
  readonly deliveries: number;
};

/** `stored`: a queue has it, on disk. `unroutable`: no queue takes this key. `unknown`: it may or may not be stored. */
export type PublishOutcome = 'stored' | 'unroutable' | 'unknown';

export type AmqpLink = {
  readonly isUp: () => boolean;
  /** Publishes persistently and waits for the broker's word. Never rejects. */
  readonly publish: (
    exchange: string,
    key: string,
    bytes: Uint8Array,
    o: Options.Publish,
  ) => Promise<PublishOutcome>;
  /** Declares on the present connection; rejects while there is no connection. */
  readonly onChannel: <T>(work: (channel: ConfirmChannel) => Promise<T>) => Promise<T>;
  readonly close: () => Promise<void>;
};

const CONFIRM_TIMEOUT_MS = 10_000;
const RETRY_DELAY_MS = 500;

const deliveryOf = (m: ConsumeMessage): AmqpDelivery => {
  const count: unknown = m.properties.headers?.['x-delivery-count'];
  const user: unknown = m.properties.userId;
  return {
    bytes: m.content,
    routingKey: m.fields.routingKey,
    user: typeof user === 'string' ? user : undefined,
    deliveries: (typeof count === 'number' ? count : 0) + 1,
  };
};

export const connectAmqp = async (o: AmqpOptions): Promise<AmqpLink> => {
  const { protocol, hostname, port, pathname } = new URL(o.url);
  const vhost = pathname.slice(1) || '/';
  let current: ConfirmChannel | undefined;
  let closing = false;
  let handling: Promise<void> = Promise.resolve();
  const returned = new Set<string>();

  const handleOne = async (channel: ConfirmChannel, message: ConsumeMessage): Promise<void> => {
    // Of a connection that is gone; the broker delivers it again.
    if (channel !== current || closing) return;
    let outcome: 'settled' | 'later' = 'later';
    try {
      outcome = (await o.consume?.handle(deliveryOf(message))) ?? 'later';
    } catch (error) {
      o.log.error(
        { connection: o.name, ...errorFacts(error) },
        'a message could not be handled; it comes again',
      );
    }
    if (outcome === 'later') await o.clock.sleep(RETRY_DELAY_MS);
    try {
      if (outcome === 'settled') channel.ack(message);
      else channel.nack(message, false, true);
    } catch {
      // the channel closed meanwhile: the broker delivers it again, and handling it twice is harmless
    }
  };

  const setUp = async (model: ChannelModel): Promise<void> => {
    model.on('error', (error) => o.log.warn({ connection: o.name, ...errorFacts(error) }, 'RabbitMQ: error'));
    const channel = await model.createConfirmChannel();
    const startOver = (): void => {
      if (current === channel) current = undefined;
      if (!closing) model.close().catch(() => {});
    };
    channel.on('error', (error) =>
      o.log.warn({ connection: o.name, ...errorFacts(error) }, 'RabbitMQ closed the channel'),
    );
    channel.on('close', startOver);
    channel.on('return', (m) => returned.add(String(m.properties.messageId)));
    await o.declare(channel);
    current = channel;
    if (o.consume) {
      await channel.prefetch(o.consume.prefetch);
      await channel.consume(o.consume.queue, (message) => {
        if (message === null) startOver();
        else handling = handling.then(() => handleOne(channel, message));
      });
    }
  };

  const connection = await connect(
    {
      protocol: protocol.slice(0, -1),
      hostname,
      port: port === '' ? (protocol === 'amqps:' ? 5671 : 5672) : Number(port),
      username: o.user,
      password: o.password,
      vhost,
      heartbeat: 10,
    },
    {
      timeout: 5_000,
      ...(protocol === 'amqps:' ? o.tls : {}),
      clientProperties: { connection_name: o.name },
      recovery: { initialDelay: 200, maxDelay: 5_000, setup: setUp, waitForConnect: false },
    },
  );
  connection.on('error', () => {}); // logged where it happened
  connection.on('connect', () => {
    o.log.info({ connection: o.name }, 'RabbitMQ: connected');
    o.onUp?.();
  });
  connection.on('disconnect', (error) => {
    current = undefined;
    if (!closing) o.log.warn({ connection: o.name, ...errorFacts(error) }, 'RabbitMQ: disconnected');
  });
  connection.on('connect-failed', (error) =>
    o.log.warn(
      { connection: o.name, ...tlsAdvice(error, tlsNames), ...errorFacts(error) },
      'RabbitMQ: cannot connect yet',
    ),
  );

  return {
    isUp: () => current !== undefined,
    publish: (exchange, key, bytes, options) =>
      new Promise((resolve) => {
        const channel = current;
        if (!channel) {
          resolve('unknown');
          return;
        }
        const timer = setTimeout(() => resolve('unknown'), CONFIRM_TIMEOUT_MS);
        const id = String(options.messageId);
        const settle = (outcome: PublishOutcome): void => {
          clearTimeout(timer);
          resolve(outcome);
        };
        try {
          const all = { persistent: true, mandatory: true, userId: o.user, ...options };
          channel.publish(exchange, key, Buffer.from(bytes), all, (error: unknown) => {
            // The broker returns an unroutable message before it confirms it.
            const unroutable = returned.delete(id);
            settle(error ? 'unknown' : unroutable ? 'unroutable' : 'stored');
          });
        } catch {
          settle('unknown');
        }
      }),
    onChannel: async (work) => {
      if (!current) throw new Error('not connected to RabbitMQ');
      return await work(current);
    },
    close: async () => {
      closing = true;
      await handling;
      current = undefined;
      await connection.close();
    },
  };
};
