// Who may do what in Redis, in the words of its access control list: inventory writes the counts, operators read them.

/** `passwords` must hold no white space. The default user, whom a client without a password would be, is off. */
export const redisUsers = (passwords: {
  readonly inventory: string;
  readonly operator: string;
}): string[] => [
  'default off',
  `inventory on >${passwords.inventory} ~cal:* -@all +@read +@write +@transaction +@connection +eval +scan -flushall -flushdb`,
  `operator on >${passwords.operator} ~cal:* -@all +@read +@connection`,
];
