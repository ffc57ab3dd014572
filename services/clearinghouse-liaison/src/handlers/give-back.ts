// A key pack that inventory refuses is counted at the Clearinghouse as issued, and nobody can use it: its CALs go back to where they
// came from, as a command like any other, which an operator sees among the requests.

import { createHash } from 'node:crypto';
import { keyPackClaims } from '@calbus/contracts/clearinghouse';
import { openJws } from '@calbus/trust/jws';
import type { Command } from '../domain/command.ts';
import type { AnsweredPack } from '../ports.ts';
import { take, type TakeDeps } from './take.ts';

/** The same for the same command, so that it is taken once. */
const idOf = (commandId: string): string =>
  `back-${createHash('sha256').update(commandId).digest('hex').slice(0, 40)}`;

export const giveBack = (
  d: TakeDeps,
  { commandId, by, road }: Command,
  { keyPackId, keyPack }: AnsweredPack,
): void => {
  // It was verified when it came.
  const { purchase } = keyPackClaims.parse(openJws(keyPack)?.payload);
  const request = {
    kind: 'change-pack',
    keyPackId,
    quantity: purchase.quantity,
    to: 'agreement',
    refused: true,
  } as const;
  take(d, { commandId: idOf(commandId), by, road }, request);
};
