// The user name of a log-on, in the form that a hook sends.

import { name } from '@calbus/contracts/tokens';

type User = { readonly name: string; readonly domain?: string; readonly authenticatedBy?: string };

/**
 * DOMAIN\\user where a directory names its users so; a user without a domain is of `domain`, if that is configured. Undefined where
 * nothing is left of the name.
 */
export const userOf = (
  said: {
    readonly name: string;
    readonly domain?: string | undefined;
    readonly authenticatedBy?: string | undefined;
  },
  domain: string | undefined,
): User | undefined => {
  const at = said.domain === undefined ? said.name.indexOf('\\') : -1;
  const own = at > 0 ? said.name.slice(0, at) : (said.domain ?? domain);
  const user = said.name.slice(at > 0 ? at + 1 : 0);
  if (!name.safeParse(user).success) return undefined;
  return {
    name: user,
    ...(own === undefined ? {} : { domain: own }),
    ...(said.authenticatedBy === undefined ? {} : { authenticatedBy: said.authenticatedBy }),
  };
};
