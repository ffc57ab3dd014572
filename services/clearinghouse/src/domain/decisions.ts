// Decides the Clearinghouse's answer to a command with a valid signature. Pure: register data, time and limits are arguments.

import {
  clearinghouseReasons,
  type ClearinghouseCommand,
  type ClearinghouseReason,
} from '@calbus/contracts/clearinghouse';
import type { Code, Cover, Pack, Sender, Server } from './registry.ts';

type CommandOf<T extends ClearinghouseCommand['type']> = Extract<ClearinghouseCommand, { type: T }>;
export type ServerCommand = CommandOf<'install' | 'deactivate' | 'recover' | 'change-pack'>;

export type Rejection = {
  readonly kind: 'rejected';
  readonly reason: ClearinghouseReason;
  /** One or two sentences for the operator. */
  readonly says: string;
};

export const reject = (reason: ClearinghouseReason, detail = ''): Rejection => ({
  kind: 'rejected',
  reason,
  says: detail === '' ? clearinghouseReasons[reason] : `${clearinghouseReasons[reason]} ${detail}`,
});

/** Commands decided for one account within TRIES_WINDOW_MS; repeats of a decided command do not count. */
export const MAX_TRIES = 60;
export const TRIES_WINDOW_MS = 60_000;

/** Wrong agreement numbers and license codes within GUESSES_WINDOW_MS. A person mistypes less often. */
export const MAX_GUESSES = 10;
export const GUESSES_WINDOW_MS = 3_600_000;
export const GUESSES: readonly ClearinghouseReason[] = ['UNKNOWN_AGREEMENT', 'UNKNOWN_CODE', 'NOT_YOURS'];

/** True if the command names a license code or an agreement. */
const names = ({ type }: ClearinghouseCommand): boolean =>
  type === 'install' || type === 'recover' || type === 'reactivate';

export type Tries = { readonly commands: number; readonly guesses: number };

/** Limits guesses. `command` undefined: the command does not decode. */
export const decideTries = (
  tries: Tries,
  command: ClearinghouseCommand | undefined,
): Rejection | undefined => {
  if (tries.commands >= MAX_TRIES) return reject('TOO_MANY_TRIES');
  return command && names(command) && tries.guesses >= MAX_GUESSES
    ? reject(
        'TOO_MANY_TRIES',
        'Too many commands in the last hour named an unknown agreement or license code.',
      )
    : undefined;
};

export type ActivateDecision =
  | Rejection
  /** `serverId` undefined: a license server without an id. */
  | { readonly kind: 'activate'; readonly serverId: string | undefined; readonly epoch: number };

/** A product id is activated once. After a deactivation it is activated again under the same license server id. */
export const decideActivate = (known: Server | undefined, sender: Sender): ActivateDecision => {
  if (!known) return { kind: 'activate', serverId: undefined, epoch: 1 };
  // Only the same account and key learn the id.
  if (known.user !== sender.user || known.key !== sender.key) return reject('ALREADY_ACTIVATED');
  switch (known.standing) {
    case 'active':
      return reject('ALREADY_ACTIVATED', `Its id is ${known.serverId}, its epoch ${known.epoch}.`);
    case 'deactivated':
      return { kind: 'activate', serverId: known.serverId, epoch: known.epoch + 1 };
    case 'retired':
      return reject('RETIRED');
  }
};

/**
 * A new key for a license server that was activated before. A new key proves nothing. The proof is the account, which the broker
 * checks, and the number of an agreement on which the license server has key packs. `ofProduct`: what is
 * activated under the product id that it has now.
 */
export const decideReactivate = (
  known: Server | undefined,
  sender: Sender,
  packs: { readonly onPaper: number; readonly all: number },
  ofProduct: Server | undefined,
): Rejection | { readonly kind: 'activate'; readonly serverId: string; readonly epoch: number } => {
  if (!known) return reject('UNKNOWN_SENDER');
  if (known.user !== sender.user) return reject('WRONG_SENDER');
  if (known.standing === 'retired') return reject('RETIRED');
  if (packs.all > 0 && packs.onPaper === 0) return reject('NOT_YOURS');
  if (ofProduct && ofProduct.serverId !== known.serverId)
    return reject('ALREADY_ACTIVATED', 'Its product id is that of another license server id.');
  return { kind: 'activate', serverId: known.serverId, epoch: known.epoch + 1 };
};

/** Checks the sender of a command of an activated license server. Undefined if the sender is right. */
export const checkSender = (
  command: ServerCommand,
  known: Server | undefined,
  sender: Sender,
): Rejection | undefined => {
  if (!known) return reject('UNKNOWN_SENDER');
  if (known.user !== sender.user) return reject('WRONG_SENDER');
  // The epoch comes first: a sender of an earlier epoch may be a copy of a license server that was reactivated elsewhere.
  if (command.epoch !== known.epoch)
    return reject('WRONG_EPOCH', `The command says ${command.epoch}, in force is ${known.epoch}.`);
  if (known.productId !== command.productId) return reject('UNKNOWN_SENDER');
  if (known.key !== sender.key) return reject('BAD_SIGNATURE', 'It is not the key that was activated.');
  if (known.standing === 'retired') return reject('RETIRED');
  if (known.standing === 'deactivated') return reject('NOT_ACTIVATED');
  return undefined;
};

/**
 * True if a command of another epoch proves that a copy of the license server runs. A command from before the epoch in force proves
 * nothing: the license server signed it rightfully, and it arrived late (an old request file, a redelivery). A copy does not know that
 * its epoch is over, so its next commands are dated later. Sequences prove nothing, because copies and restored license servers count on
 * from different numbers. A copy whose clock is behind is refused as well, and reported when its clock has passed that moment.
 */
export const provesCopy = (command: ServerCommand, known: Server): boolean =>
  command.epoch < known.epoch && command.issuedAt > known.epochSince;

export const decideInstall = (quantity: number, cover: Cover): Rejection | { readonly kind: 'issue' } => {
  switch (cover.kind) {
    case 'no-agreement':
      return reject('UNKNOWN_AGREEMENT');
    case 'not-covered':
      return reject('PRODUCT_NOT_COVERED');
    case 'covered':
      return cover.left < quantity
        ? reject('NOT_ENOUGH_LEFT', `Left: ${cover.left}; asked for: ${quantity}.`)
        : { kind: 'issue' };
  }
};

/** `usedOn`: the day on which a code was used, in words. */
export const decideCode = (
  code: Code | undefined,
  usedOn: (at: number) => string,
): Rejection | { readonly kind: 'issue'; readonly code: Code } => {
  if (!code) return reject('UNKNOWN_CODE');
  if (code.usedAt === null) return { kind: 'issue', code };
  return reject('CODE_ALREADY_USED', `It was used on ${usedOn(code.usedAt)}.`);
};

export const decideChangePack = (
  pack: Pack | undefined,
  serverId: string,
  quantity: number,
): Rejection | { readonly kind: 'change'; readonly pack: Pack } => {
  if (pack?.serverId !== serverId) return reject('UNKNOWN_KEY_PACK');
  return pack.purchase.quantity < quantity
    ? reject('PACK_TOO_SMALL', `It has ${pack.purchase.quantity}; asked for: ${quantity}.`)
    : { kind: 'change', pack };
};
