// What an operator does in a story, by the command.

import assert from 'node:assert/strict';
import type { RowSystem } from './row-system.ts';

/** Runs `calbus …`, which must succeed, and gives what it printed as JSON. */
export const done = async <T>(s: RowSystem, ...args: string[]): Promise<T> => {
  const { code, stdout, stderr } = await s.calbus(...args);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as T;
};

export type Refused = { readonly code: string; readonly says: string; readonly nextRevokeAllowedOn?: number };

/** Runs `calbus …`, which must be refused, and gives why. */
export const refused = async (s: RowSystem, ...args: string[]): Promise<Refused> => {
  const { code, stdout } = await s.calbus(...args);
  assert.equal(code, 1, stdout);
  return (JSON.parse(stdout) as { error: Refused }).error;
};

/** An id may begin with a dash. */
export const revoke = (licenseId: string | undefined): string[] => [
  'revoke',
  '--why',
  'a test',
  '--json',
  '--',
  licenseId ?? '',
];
