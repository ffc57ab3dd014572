// What the Clearinghouse answers to a command whose signature verified. Pure: what is known, time and limits are arguments.

import {
  clearinghouseReasons,
  type ClearinghouseCommand,
  type ClearinghouseReason,
} from '@calbus/contracts/clearinghouse';
import type { Cover, Sender, Server } from './registry.ts';

export type Activate = Extract<ClearinghouseCommand, { type: 'activate' }>;
export type Install = Extract<ClearinghouseCommand, { type: 'install' }>;

export type Rejection = {
  readonly kind: 'rejected';
  readonly reason: ClearinghouseReason;
  /** One sentence or two for the operator. */
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

/** Guessing agreement numbers is made slow. */
export const decideTries = (triesInWindow: number): Rejection | undefined =>
  triesInWindow < MAX_TRIES ? undefined : reject('TOO_MANY_TRIES');

export type ActivateDecision = Rejection | { readonly kind: 'activate'; readonly epoch: number };

/** A product id is activated once; a new certificate for it is another command's business. */
export const decideActivate = (known: Server | undefined, sender: Sender): ActivateDecision => {
  if (!known) return { kind: 'activate', epoch: 1 };
  // Only its own account and key hear under which id.
  return known.user === sender.user && known.key === sender.key
    ? reject('ALREADY_ACTIVATED', `Its id is ${known.serverId}, its epoch ${known.epoch}.`)
    : reject('ALREADY_ACTIVATED');
};

export type InstallDecision = Rejection | { readonly kind: 'issue'; readonly server: Server };

export const decideInstall = (
  command: Install,
  known: Server | undefined,
  sender: Sender,
  cover: Cover,
): InstallDecision => {
  if (!known) return reject('UNKNOWN_SENDER');
  if (known.user !== sender.user) return reject('WRONG_SENDER');
  if (known.key !== sender.key) return reject('BAD_SIGNATURE', 'It is not the key that was activated.');
  if (known.serverId !== command.serverId) return reject('UNKNOWN_SENDER');
  if (known.epoch !== command.epoch)
    return reject('WRONG_EPOCH', `The command says ${command.epoch}, in force is ${known.epoch}.`);
  switch (cover.kind) {
    case 'no-agreement':
      return reject('UNKNOWN_AGREEMENT');
    case 'not-covered':
      return reject('PRODUCT_NOT_COVERED');
    case 'covered':
      return cover.left < command.body.quantity
        ? reject('NOT_ENOUGH_LEFT', `Left: ${cover.left}; asked for: ${command.body.quantity}.`)
        : { kind: 'issue', server: known };
  }
};
