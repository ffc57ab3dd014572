// A command to the Clearinghouse as the liaison keeps it, and what may be taken into the outbox.

import type { Contact, Purchase } from '@calbus/contracts/clearinghouse';
import { clearinghouseReasons, type ClearinghouseReason } from '@calbus/contracts/clearinghouse';
import type { LiaisonCommand } from '@calbus/contracts/liaison-messages';

export type Request =
  | { readonly kind: 'activate'; readonly contact: Contact }
  | { readonly kind: 'install'; readonly purchase: Purchase };

export type State = LiaisonCommand['state'];

export type Command = {
  readonly commandId: string;
  /** Its place among all commands of this license server, from 1. */
  readonly sequence: number;
  readonly request: Request;
  readonly askedAt: number;
  readonly by: string;
  /** The signed statement: made once, so that every repeat is the same bytes. */
  readonly jws: string;
  readonly state: State;
};

export type Activation = {
  readonly serverId: string;
  readonly epoch: number;
  readonly chain: readonly string[];
};

const modes = { 'per-device': 'Per Device', 'per-user': 'Per User' } as const;

/** What was asked, in words, without any license code. */
export const describe = (request: Request): string => {
  switch (request.kind) {
    case 'activate': {
      const { company, firstName, lastName } = request.contact;
      return `Activate for ${company} (${firstName} ${lastName})`.slice(0, 500);
    }
    case 'install': {
      const { quantity, mode, version, program, agreementNumber } = request.purchase;
      return `Install ${quantity} ${modes[mode]} CALs for ${version}, ${program} agreement ${agreementNumber}`;
    }
  }
};

export type TakeDecision =
  | { readonly kind: 'take' }
  | { readonly kind: 'repeated' }
  | { readonly kind: 'refused'; readonly reason: ClearinghouseReason; readonly says: string };

const refuse = (reason: ClearinghouseReason, next: string): TakeDecision => ({
  kind: 'refused',
  reason,
  says: `${clearinghouseReasons[reason]} ${next}`,
});

/** Compares two requests by value; both come out of the same schema, so their members stand in the same order. */
const same = (a: Request, b: Request): boolean => JSON.stringify(a) === JSON.stringify(b);

export const decideTake = (
  request: Request,
  known: Command | undefined,
  activation: Activation | null,
): TakeDecision => {
  if (known)
    return same(known.request, request)
      ? { kind: 'repeated' }
      : refuse('DIFFERENT_COMMAND', 'Give the command a new id.');
  switch (request.kind) {
    case 'activate':
      return activation
        ? refuse('ALREADY_ACTIVATED', `Its id is ${activation.serverId}; go on with calbus install.`)
        : { kind: 'take' };
    case 'install':
      return activation ? { kind: 'take' } : refuse('NOT_ACTIVATED', 'Activate it first: calbus activate.');
  }
};

/** Whether the Clearinghouse has not answered yet. */
export const isOpen = (state: State): boolean => state.state === 'waiting' || state.state === 'sent';
