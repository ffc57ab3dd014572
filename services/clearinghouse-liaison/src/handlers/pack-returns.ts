// A key pack that inventory refuses is counted at the Clearinghouse as issued, and nobody can use it: its CALs go back to where they
// came from, as a command like any other, which an operator sees among the requests. What is owed follows from what is kept, so that
// neither a kill nor a reactivation under way loses it; what a reactivation has overtaken is asked anew, in the epoch in force.

import { createHash } from 'node:crypto';
import { keyPackClaims } from '@calbus/contracts/clearinghouse';
import { openJws } from '@calbus/licenses/jws';
import type { Command, CommandRequest } from '../domain/command.ts';
import type { Store } from '../ports.ts';
import { epochOf } from './clone-detection.ts';
import { acceptCommand, type IntakeDeps } from './command-intake.ts';

type PackReturnRequest = Extract<CommandRequest, { kind: 'change-pack' }>;
type PackReturn = { readonly of: Command; readonly request: PackReturnRequest };

/** The same for the same command, so that it is taken once. */
const idOf = (commandId: string): string =>
  `back-${createHash('sha256').update(commandId).digest('hex').slice(0, 40)}`;

const givingBack = (keyPackId: string, keyPack: string): PackReturnRequest => {
  // It was verified when it came.
  const { quantity } = keyPackClaims.parse(openJws(keyPack)?.payload).purchase;
  return { kind: 'change-pack', keyPackId, quantity, to: 'agreement', refused: true };
};

/** By an activation that came before it at the Clearinghouse. */
const isOvertaken = ({ state }: Command): boolean =>
  state.state === 'rejected' && (state.reason === 'WRONG_EPOCH' || state.reason === 'NOT_ACTIVATED');

const duePackReturns = (store: Store): PackReturn[] =>
  [
    ...store
      .refusedPacks()
      .map(({ command: of, pack }) => ({ of, request: givingBack(pack.keyPackId, pack.keyPack) })),
    ...store
      .packReturns()
      .filter(isOvertaken)
      .flatMap((of) => (of.request.kind === 'change-pack' ? [{ of, request: of.request }] : [])),
  ].filter(({ of }) => !store.command(idOf(of.commandId)));

/** The key packs whose CALs go back, or have gone: one that a recovery brings meanwhile is not installed. */
export const returnedPackIds = (store: Store): ReadonlySet<string> =>
  new Set([
    ...store
      .packReturns()
      .filter((c) => c.state.state !== 'rejected')
      .flatMap(({ request }) => (request.kind === 'change-pack' ? [request.keyPackId] : [])),
    ...duePackReturns(store).map(({ request }) => request.keyPackId),
  ]);

/** Takes what is owed, where it can be taken now. */
export const returnRefusedPacks = (d: IntakeDeps): void => {
  const epoch = d.store.activation()?.epoch ?? 0;
  for (const { of, request } of duePackReturns(d.store)) {
    // Refused under the epoch in force, it would be refused again.
    if (isOvertaken(of) && (epochOf(of) ?? 0) >= epoch) continue;
    const { commandId, by, road } = of;
    acceptCommand(d, { commandId: idOf(commandId), by, road }, request);
  }
};
