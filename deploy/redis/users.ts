// Who may do what in Redis, in the words of its access control list: inventory writes the counts, operators read them.

import { createHash } from 'node:crypto';

/** So that its configuration holds no password. The passwords are random, so that nobody finds one by its hash. */
const hashed = (password: string): string => `#${createHash('sha256').update(password).digest('hex')}`;

/** The others hold such commands, too: to cut off other clients or to keep them waiting, to empty everything, to list all keys. */
const safe = '-@admin -@dangerous';

/** The default user, whom a client without a password would be, is off. */
export const redisUsers = (passwords: {
  readonly inventory: string;
  readonly operator: string;
}): string[] => [
  'default off',
  `inventory on ${hashed(passwords.inventory)} ~cal:* -@all +@read +@write +@transaction +@connection +eval +scan ${safe}`,
  `operator on ${hashed(passwords.operator)} ~cal:* -@all +@read +@connection ${safe}`,
];
