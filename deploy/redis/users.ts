// Redis' access control list: inventory writes the live counts, operators read them.

import { createHash } from 'node:crypto';

/** The configuration holds hashes instead of passwords. The passwords are random, so no attacker finds one from its hash. */
const hashed = (password: string): string => `#${createHash('sha256').update(password).digest('hex')}`;

/** The permitted categories also contain these commands, which disconnect or block other clients, delete everything, or list all keys. */
const safe = '-@admin -@dangerous';

/** The default user, which a client without a password would be, is disabled. */
export const redisUsers = (passwords: {
  readonly inventory: string;
  readonly operator: string;
}): string[] => [
  'default off',
  `inventory on ${hashed(passwords.inventory)} ~cal:* -@all +@read +@write +@transaction +@connection +eval +scan ${safe}`,
  `operator on ${hashed(passwords.operator)} ~cal:* -@all +@read +@connection ${safe}`,
];
