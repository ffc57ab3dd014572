// Exchanges, queues and keys on RabbitMQ.

const DELIVERY_LIMIT = 10;

const DEAD_EXCHANGE = 'calbus.dead';

const quorum = { 'x-queue-type': 'quorum' } as const;

const guarded = { ...quorum, 'x-delivery-limit': DELIVERY_LIMIT, 'x-dead-letter-exchange': DEAD_EXCHANGE };

/**
 * Names on RabbitMQ. One user per license server; the broker vouches for it in the property user-id. All exchanges are
 * durable topic exchanges, all queues durable quorum queues. No queue has the name of an exchange: RabbitMQ's permissions
 * do not tell the two apart, and an account that may publish to an exchange must not be able to bind the queue behind it.
 */
export const rabbitmqNames = {
  commandsExchange: 'calbus.commands',
  commandsQueue: 'calbus.commands.queue',
  answersExchange: 'calbus.answers',
  deadExchange: DEAD_EXCHANGE,
  deadQueue: 'calbus.dead.queue',
  /** The queue a license server's answers go to; also the routing key of the answers exchange. */
  answersQueue: (user: string): string => `calbus.answers.${user}`,
  /** The routing key of commands from this user. */
  commandKey: (user: string): string => `command.${user}`,
  /** What the commands queue is bound with. */
  commandKeys: 'command.*',
  deliveryLimit: DELIVERY_LIMIT,
  /** Full means that the publisher is told so; its outbox keeps the command. */
  commandsQueueArguments: { ...guarded, 'x-max-length': 100_000, 'x-overflow': 'reject-publish' },
  answersQueueArguments: guarded,
  /** The oldest go first, so that a flood of garbage cannot fill the disk. */
  deadQueueArguments: { ...quorum, 'x-max-length': 100_000, 'x-max-length-bytes': 268_435_456 },
  /** Headers of a message in the dead queue that the Clearinghouse put there: a fault code, and a sentence. */
  deadReasonHeader: 'x-calbus-reason',
  deadSaysHeader: 'x-calbus-says',
} as const;
