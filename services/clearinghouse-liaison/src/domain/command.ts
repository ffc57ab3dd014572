// A command to the Clearinghouse as the liaison keeps it, and what may be taken into the outbox.

import type { Contact, Installable, AgreementReference } from '@calbus/contracts/purchases';
import type { ReactivationReason } from '@calbus/contracts/clearinghouse';
import { clearinghouseReasons, type ClearinghouseReason } from '@calbus/contracts/clearinghouse';
import type { ProductVersion } from '@calbus/contracts/versions';
import type { LiaisonCommand, ClearinghouseMethod } from '@calbus/contracts/liaison-messages';

export type CommandRequest =
  | { readonly kind: 'activate'; readonly contact: Contact }
  | { readonly kind: 'install'; readonly purchase: Installable }
  | {
      readonly kind: 'reactivate';
      readonly reason: ReactivationReason;
      readonly paper: AgreementReference;
      readonly serverId: string;
    }
  | { readonly kind: 'deactivate' }
  | { readonly kind: 'recover'; readonly paper: AgreementReference }
  | {
      readonly kind: 'change-pack';
      readonly keyPackId: string;
      readonly quantity: number;
      readonly to: 'agreement' | 'other-mode';
      /** Inventory has refused the key pack, so that there is nothing to withhold: its CALs go back where they came from. */
      readonly refused?: true | undefined;
    };

export type CommandState = LiaisonCommand['state'];

export type Command = {
  readonly commandId: string;
  /** Its place among all commands of this license server, from 1. */
  readonly sequence: number;
  readonly request: CommandRequest;
  readonly askedAt: number;
  readonly by: string;
  readonly road: ClearinghouseMethod;
  /** The signed statement: made once, so that every repeat is the same bytes. */
  readonly jws: string;
  readonly state: CommandState;
};

export type Activation = {
  readonly serverId: string;
  readonly epoch: number;
  readonly chain: readonly string[];
  /** By its own command, since. */
  readonly deactivated: boolean;
};

const modes = { 'per-device': 'Per Device', 'per-user': 'Per User' } as const;
const paperWords = ({ program, agreementNumber }: AgreementReference): string =>
  `${program} agreement ${agreementNumber}`;

/** The request in words, without a license code. */
export const describeRequest = (request: CommandRequest): string => {
  switch (request.kind) {
    case 'activate': {
      const { company, firstName, lastName } = request.contact;
      return `Activate for ${company} (${firstName} ${lastName})`.slice(0, 500);
    }
    case 'install': {
      const { purchase } = request;
      if (purchase.program === 'retail') return 'Install the CALs of a license code';
      const { quantity, mode, version } = purchase;
      return `Install ${quantity} ${modes[mode]} CALs for ${version}, ${paperWords(purchase)}`;
    }
    case 'reactivate':
      return `Activate anew (${request.reason}), by ${paperWords(request.paper)}`;
    case 'deactivate':
      return 'Deactivate';
    case 'recover':
      return `Recover the key packs of ${paperWords(request.paper)}`;
    case 'change-pack': {
      const { quantity, keyPackId, to } = request;
      if (request.refused)
        return `Give back the ${quantity} CALs of key pack ${keyPackId}, which inventory refused`;
      const what = to === 'agreement' ? 'Give back' : 'Change the type of';
      return `${what} ${quantity} CALs of key pack ${keyPackId}`;
    }
  }
};

/** Whether inventory must withhold CALs before the Clearinghouse is asked. */
export const needsWithheldCals = (request: CommandRequest): boolean =>
  request.kind === 'change-pack' && !request.refused;

/** The version of the CALs asked for, where that is known before: of a license code only the Clearinghouse knows. */
export const requestedVersion = (request: CommandRequest): ProductVersion | undefined =>
  request.kind === 'install' && request.purchase.program !== 'retail' ? request.purchase.version : undefined;

/** Whether inventory must be asked before the command leaves. */
export const needsPreparation = (request: CommandRequest): boolean =>
  needsWithheldCals(request) || requestedVersion(request) !== undefined;

/**
 * Whether a command leaves only when all before it are answered: after it, nothing of what they asked for could be installed any more,
 * and the Clearinghouse would take them for those of a copy.
 */
export const endsEpoch = ({ kind }: CommandRequest): boolean =>
  kind === 'reactivate' || kind === 'deactivate';

/**
 * What is said of a command that a person carries, and that an activation has overtaken; undefined: it stays, since only its answer says
 * whether the Clearinghouse has taken the CALs that inventory withholds, or has made another activation.
 */
export const epochChangeRejection = (request: CommandRequest): string | undefined => {
  const before = 'The license server was activated anew before this was answered.';
  switch (request.kind) {
    case 'activate':
      return 'The license server was activated in another way before this was answered. Nothing is left to do.';
    case 'install':
      return `${before} Was the request carried to the Clearinghouse, calbus recover brings what it has issued; if not, ask again.`;
    case 'recover':
      return `${before} Ask again.`;
    case 'change-pack':
      return request.refused ? `${before} It is asked again by itself.` : undefined;
    case 'reactivate':
    case 'deactivate':
      return undefined;
  }
};

export type IntakeDecision =
  | { readonly kind: 'take' }
  | { readonly kind: 'repeated' }
  | { readonly kind: 'refused'; readonly reason: ClearinghouseReason; readonly says: string };

const refuse = (reason: ClearinghouseReason, next: string): IntakeDecision => ({
  kind: 'refused',
  reason,
  says: `${clearinghouseReasons[reason]} ${next}`,
});

/** Compares two requests by value; both come out of the same schema, so their members stand in the same order. */
const same = (a: CommandRequest, b: CommandRequest): boolean => JSON.stringify(a) === JSON.stringify(b);

export const decideIntake = (
  request: CommandRequest,
  known: Command | undefined,
  { activation, open }: { readonly activation: Activation | null; readonly open: readonly Command[] },
): IntakeDecision => {
  if (known)
    return same(known.request, request)
      ? { kind: 'repeated' }
      : refuse('DIFFERENT_COMMAND', 'Give the command a new id.');
  const active = activation !== null && !activation.deactivated;
  if (open.some((c) => c.request.kind === 'reactivate'))
    return refuse('REACTIVATION_UNDER_WAY', 'Wait until it is answered: calbus requests.');
  if (open.some((c) => c.request.kind === 'deactivate'))
    return refuse('NOT_ACTIVATED', 'It is being deactivated: calbus requests.');
  switch (request.kind) {
    case 'activate':
      return active
        ? refuse(
            'ALREADY_ACTIVATED',
            `Its id is ${activation.serverId}; go on with calbus install. Where the ledger was lost: calbus reactivate --reason redeployed, then calbus recover.`,
          )
        : { kind: 'take' };
    case 'reactivate':
      return activation && activation.serverId !== request.serverId
        ? refuse('UNKNOWN_SENDER', `The id of this one is ${activation.serverId}.`)
        : { kind: 'take' };
    case 'install':
    case 'deactivate':
    case 'recover':
    case 'change-pack':
      return active ? { kind: 'take' } : refuse('NOT_ACTIVATED', 'Activate it first: calbus activate.');
  }
};

/** Whether the Clearinghouse has not answered yet. */
export const isOpen = ({ state }: CommandState): boolean =>
  state === 'waiting' || state === 'held' || state === 'sent';
