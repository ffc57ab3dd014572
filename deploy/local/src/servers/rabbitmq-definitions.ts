import { createHash, randomBytes } from 'node:crypto';

// The parts of RabbitMQ's definitions file that calbus uses, with that file's names. Patterns are regular expressions.
export type RabbitUser = {
  readonly name: string;
  readonly password_hash: string;
  readonly hashing_algorithm: 'rabbit_password_hashing_sha256';
  readonly tags: string;
};
export type RabbitPermission = {
  readonly user: string;
  readonly vhost: string;
  readonly configure: string;
  readonly write: string;
  readonly read: string;
};
export type RabbitTopicPermission = {
  readonly user: string;
  readonly vhost: string;
  readonly exchange: string;
  readonly write: string;
  readonly read: string;
};
export type RabbitExchange = {
  readonly name: string;
  readonly vhost: string;
  readonly type: 'direct' | 'topic' | 'fanout' | 'headers';
  readonly durable: boolean;
  readonly auto_delete: boolean;
  readonly internal: boolean;
  readonly arguments: Readonly<Record<string, unknown>>;
};
export type RabbitQueue = {
  readonly name: string;
  readonly vhost: string;
  readonly durable: boolean;
  readonly auto_delete: boolean;
  readonly arguments: Readonly<Record<string, unknown>>;
};
export type RabbitBinding = {
  readonly source: string;
  readonly vhost: string;
  readonly destination: string;
  readonly destination_type: 'queue' | 'exchange';
  readonly routing_key: string;
  readonly arguments: Readonly<Record<string, unknown>>;
};
export type RabbitDefinitions = {
  readonly users: readonly RabbitUser[];
  readonly vhosts: readonly { readonly name: string }[];
  readonly permissions: readonly RabbitPermission[];
  readonly topic_permissions: readonly RabbitTopicPermission[];
  readonly exchanges: readonly RabbitExchange[];
  readonly queues: readonly RabbitQueue[];
  readonly bindings: readonly RabbitBinding[];
};

/** A user of the definitions file. The hash is base64(salt ++ sha256(salt ++ password)) with four bytes of salt. */
export function rabbitUser(name: string, password: string, salt: Buffer = randomBytes(4)): RabbitUser {
  const digest = createHash('sha256').update(salt).update(password, 'utf8').digest();
  return {
    name,
    password_hash: Buffer.concat([salt, digest]).toString('base64'),
    hashing_algorithm: 'rabbit_password_hashing_sha256',
    tags: '',
  };
}
