import type { NatsOptions } from './servers/nats.ts';
import type { RabbitDefinitions } from './servers/rabbitmq-definitions.ts';
import type { RedisOptions } from './servers/redis.ts';

/** Who may do what on each server: accounts and users, as the services expect them. */
export type ServerConfiguration = {
  readonly nats: Pick<NatsOptions, 'config'>;
  readonly redis: Pick<RedisOptions, 'users' | 'maxmemory'>;
  readonly rabbitmq: { readonly definitions: RabbitDefinitions };
};
