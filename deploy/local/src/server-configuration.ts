import type { NatsOptions } from './servers/nats.ts';
import type { RabbitDefinitions } from './servers/rabbitmq-definitions.ts';
import type { RedisOptions } from './servers/redis.ts';

/** The accounts, users and permissions on each server, as the services need them. */
export type ServerConfiguration = {
  readonly nats: Pick<NatsOptions, 'config'>;
  readonly redis: Pick<RedisOptions, 'users' | 'maxmemory'>;
  readonly rabbitmq: { readonly definitions: RabbitDefinitions };
};
