// A key pack that inventory refuses is counted at the Clearinghouse as issued, and nobody can use it: its CALs go back to where they
// came from, as a command like any other, which an operator sees among the requests. What is owed follows from what is kept, so that
// neither a kill nor a reactivation under way loses it; what a reactivation has overtaken is asked anew, in the epoch in force.

import { createHash } from 'node:crypto';
import { keyPackClaims } from '@calbus/contracts/clearinghouse';
import { openJws } from '@calbus/licenses/jws';
import type { Command, Request } from '../domain/command.ts';
import type { Store } from '../ports.ts';
import { epochOf } from './superseded.ts';
import { take, type TakeDeps } from './take.ts';

type GiveBack = Extract<Request, { kind: 'change-pack' }>;
type Owed = { readonly of: Command; readonly request: GiveBack };

/** The same for the same command, so that it is taken once. */
const idOf = (commandId: string): string =>
  `back-${createHash('sha256').update(commandId).digest('hex').slice(0, 40)}`;

const givingBack = (keyPackId: string, keyPack: string): GiveBack => {
  // It was verified when it came.
  const { quantity } = keyPackClaims.parse(openJws(keyPack)?.payload).purchase;
  return { kind: 'change-pack', keyPackId, quantity, to: 'agreement', refused: true };
};

/** By an activation that came before it at the Clearinghouse. */
const isOvertaken = ({ state }: Command): boolean =>
  state.state === 'rejected' && (state.reason === 'WRONG_EPOCH' || state.reason === 'NOT_ACTIVATED');

const owed = (store: Store): Owed[] =>
  [
    ...store
      .refusedPacks()
      .map(({ command: of, pack }) => ({ of, request: givingBack(pack.keyPackId, pack.keyPack) })),
    ...store
      .givenBack()
      .filter(isOvertaken)
      .flatMap((of) => (of.request.kind === 'change-pack' ? [{ of, request: of.request }] : [])),
  ].filter(({ of }) => !store.command(idOf(of.commandId)));

/** The key packs whose CALs go back, or have gone: one that a recovery brings meanwhile is not installed. */
export const goingBack = (store: Store): ReadonlySet<string> =>
  new Set([
    ...store
      .givenBack()
      .filter((c) => c.state.state !== 'rejected')
      .flatMap(({ request }) => (request.kind === 'change-pack' ? [request.keyPackId] : [])),
    ...owed(store).map(({ request }) => request.keyPackId),
  ]);

/** Takes what is owed, where it can be taken now. */
export const giveBack = (d: TakeDeps): void => {
  const epoch = d.store.activation()?.epoch ?? 0;
  for (const { of, request } of owed(d.store)) {
    // Refused under the epoch in force, it would be refused again.
    if (isOvertaken(of) && (epochOf(of) ?? 0) >= epoch) continue;
    const { commandId, by, road } = of;
    take(d, { commandId: idOf(commandId), by, road }, request);
  }
};
