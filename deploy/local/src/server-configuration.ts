import type { NatsOptions } from './servers/nats.ts';
import type { RabbitDefinitions } from './servers/rabbitmq-definitions.ts';
import type { RedisOptions } from './servers/redis.ts';

/** Who may do what on each server: accounts and users, as the services expect them. */
export type ServerConfiguration = {
  readonly nats: Pick<NatsOptions, 'config'>;
  readonly redis: Pick<RedisOptions, 'users' | 'maxmemory'>;
  readonly rabbitmq: { readonly definitions: RabbitDefinitions };
};

/** Plain servers: no users but the servers' own, and none at all on RabbitMQ. */
export const plainConfiguration: ServerConfiguration = {
  nats: {},
  redis: {},
  rabbitmq: {
    definitions: {
      users: [],
      vhosts: [{ name: '/' }],
      permissions: [],
      topic_permissions: [],
      exchanges: [],
      queues: [],
      bindings: [],
    },
  },
};
