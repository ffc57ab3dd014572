// The definitions of the RabbitMQ between license servers and the Clearinghouse: permissions, exchanges and
// queues. So a fresh broker accepts commands before any client has connected. Each side declares its own queues again when it connects.
//
// A license server's user may publish commands under its own key only, and read, declare and bind its own answers queue
// only. It may write the dead exchange because declaring a queue with a dead-letter exchange needs that right; what it
// publishes there itself can only carry its own name.

import { randomBytes } from 'node:crypto';
import { rabbitmqNames } from '@calbus/contracts/rabbitmq-names';
import {
  rabbitUser,
  type RabbitBinding,
  type RabbitDefinitions,
  type RabbitExchange,
  type RabbitQueue,
} from '@calbus/local/servers/rabbitmq-definitions';

export type RabbitAccounts = {
  readonly clearinghouse: { readonly user: string; readonly password: string };
  /** One user for each license server: 1 to 64 letters, digits, _ and -. */
  readonly licenseServers: readonly { readonly user: string; readonly password: string }[];
};

const vhost = '/';

const exchange = (name: string): RabbitExchange => ({
  name,
  vhost,
  type: 'topic',
  durable: true,
  auto_delete: false,
  internal: false,
  arguments: {},
});

const queue = (name: string, args: Readonly<Record<string, unknown>>): RabbitQueue => ({
  name,
  vhost,
  durable: true,
  auto_delete: false,
  arguments: args,
});

const binding = (source: string, destination: string, routingKey: string): RabbitBinding => ({
  source,
  vhost,
  destination,
  destination_type: 'queue',
  routing_key: routingKey,
  arguments: {},
});

const exactly = (...names: readonly string[]): string =>
  `^(${names.map((n) => n.replaceAll('.', '\\.')).join('|')})$`;
const nothing = '^$';

/** Renders the definitions. `salt` gives the four bytes of a password's salt. Throws on a user name that is no token. */
export const rabbitDefinitions = (
  accounts: RabbitAccounts,
  salt: () => Buffer = () => randomBytes(4),
): RabbitDefinitions => {
  const { clearinghouse, licenseServers } = accounts;
  const all = [clearinghouse, ...licenseServers];
  for (const { user } of all) {
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(user))
      throw new Error(
        `${JSON.stringify(user)} cannot be a RabbitMQ user of calbus: 1 to 64 letters, digits, _ and -.`,
      );
  }
  const own = (user: string) => {
    const answers = rabbitmqNames.answersQueue(user);
    return {
      answers,
      permission: {
        user,
        vhost,
        configure: exactly(answers),
        write: exactly(rabbitmqNames.commandsExchange, rabbitmqNames.deadExchange, answers),
        read: exactly(rabbitmqNames.answersExchange, answers),
      },
      topics: [
        {
          user,
          vhost,
          exchange: rabbitmqNames.commandsExchange,
          write: exactly(rabbitmqNames.commandKey(user)),
          read: nothing,
        },
        { user, vhost, exchange: rabbitmqNames.answersExchange, write: nothing, read: exactly(answers) },
        { user, vhost, exchange: rabbitmqNames.deadExchange, write: exactly(answers), read: nothing },
      ],
    };
  };
  const owned = licenseServers.map(({ user }) => own(user));
  const everything = '^calbus\\.';
  return {
    users: all.map(({ user, password }) => rabbitUser(user, password, salt())),
    vhosts: [{ name: vhost }],
    permissions: [
      { user: clearinghouse.user, vhost, configure: everything, write: everything, read: everything },
      ...owned.map((o) => o.permission),
    ],
    topic_permissions: owned.flatMap((o) => o.topics),
    exchanges: [
      rabbitmqNames.commandsExchange,
      rabbitmqNames.answersExchange,
      rabbitmqNames.deadExchange,
    ].map(exchange),
    queues: [
      queue(rabbitmqNames.commandsQueue, rabbitmqNames.commandsQueueArguments),
      queue(rabbitmqNames.deadQueue, rabbitmqNames.deadQueueArguments),
      ...owned.map((o) => queue(o.answers, rabbitmqNames.answersQueueArguments)),
    ],
    bindings: [
      binding(rabbitmqNames.commandsExchange, rabbitmqNames.commandsQueue, rabbitmqNames.commandKeys),
      binding(rabbitmqNames.deadExchange, rabbitmqNames.deadQueue, '#'),
      ...owned.map((o) => binding(rabbitmqNames.answersExchange, o.answers, o.answers)),
    ],
  };
};
