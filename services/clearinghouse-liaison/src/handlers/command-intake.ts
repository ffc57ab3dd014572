// What an operator asks of the Clearinghouse: into the outbox, and answered at once. The same command again is answered as it stands.

import type { ClearinghouseCommand } from '@calbus/contracts/clearinghouse';
import type { Message } from '@calbus/contracts/envelope';
import {
  liaisonRefused,
  liaisonAccepted,
  type liaisonActivate,
  type liaisonChangePack,
  type LiaisonCommand,
  type liaisonDeactivate,
  type liaisonInstall,
  type liaisonReactivate,
  type liaisonRecover,
  type ClearinghouseMethod,
} from '@calbus/contracts/liaison-messages';
import { answerWith, type Answer } from '@calbus/runtime/responder';
import { decideIntake, describeRequest, type Command, type CommandRequest } from '../domain/command.ts';
import type { Inventory, Signer, Store } from '../ports.ts';

export type IntakeDeps = {
  readonly store: Store;
  readonly signer: Signer;
  readonly inventory: Pick<Inventory, 'head'>;
  readonly now: () => number;
  /** Something waits to be sent. */
  readonly onAccepted: () => void;
};

export const commandSummary = (c: Command): LiaisonCommand => ({
  commandId: c.commandId,
  kind: c.request.kind,
  askedAt: c.askedAt,
  by: c.by,
  about: describeRequest(c.request),
  state: c.state,
  ...(c.road === 'automatic' ? {} : { road: c.road }),
});

const statementOf = (
  d: IntakeDeps,
  id: string,
  sequence: number,
  request: CommandRequest,
): ClearinghouseCommand => {
  const head = d.inventory.head() ?? d.store.witnesses()[0];
  const witness = head ? { generation: head.generation, sequence: head.sequence, hash: head.hash } : null;
  const { productId } = d.store;
  const common = { id, version: 1 as const, issuedAt: d.now(), productId, sequence, witness };
  if (request.kind === 'activate') return { ...common, type: 'activate', body: { contact: request.contact } };
  if (request.kind === 'reactivate') {
    const { reason, paper, serverId } = request;
    return { ...common, type: 'reactivate', serverId, body: { reason, paper } };
  }
  const activation = d.store.activation();
  if (!activation)
    throw new Error('a command of an activated license server was taken without an activation');
  const { serverId, epoch } = activation;
  const of = { ...common, serverId, epoch };
  switch (request.kind) {
    case 'install':
      return { ...of, type: 'install', body: request.purchase };
    case 'deactivate':
      return { ...of, type: 'deactivate', body: {} };
    case 'recover':
      return { ...of, type: 'recover', body: { paper: request.paper } };
    case 'change-pack': {
      const { keyPackId, quantity, to } = request;
      return { ...of, type: 'change-pack', body: { keyPackId, quantity, to } };
    }
  }
};

type CommandOrigin = {
  readonly commandId: string;
  readonly by: string;
  readonly road?: ClearinghouseMethod | undefined;
};

/** Also for the liaison's own commands. */
export const acceptCommand = (
  d: IntakeDeps,
  { commandId, by, road = 'automatic' }: CommandOrigin,
  request: CommandRequest,
): Answer => {
  const known = d.store.command(commandId);
  const decision = decideIntake(request, known, {
    activation: d.store.activation(),
    open: d.store.openCommands(),
  });
  switch (decision.kind) {
    case 'refused':
      return answerWith(liaisonRefused, { reason: decision.reason, says: decision.says });
    case 'repeated':
    case 'take': {
      const sign = request.kind === 'reactivate' ? d.signer.signWithNextKey : d.signer.sign;
      const command =
        known ??
        d.store.addCommand((sequence) => ({
          commandId,
          sequence,
          request,
          by,
          road,
          askedAt: d.now(),
          jws: sign(statementOf(d, commandId, sequence, request)),
          state: road === 'automatic' ? { state: 'waiting' } : { state: 'held', at: d.now() },
        }));
      d.onAccepted();
      return answerWith(liaisonAccepted, {
        command: commandSummary(command),
        repeated: decision.kind === 'repeated',
      });
    }
  }
};

export const activate = async (d: IntakeDeps, { body }: Message<typeof liaisonActivate>): Promise<Answer> =>
  acceptCommand(d, body, { kind: 'activate', contact: body.contact });

export const install = async (d: IntakeDeps, { body }: Message<typeof liaisonInstall>): Promise<Answer> =>
  acceptCommand(d, body, { kind: 'install', purchase: body.purchase });

export const reactivate = async (
  d: IntakeDeps,
  { body }: Message<typeof liaisonReactivate>,
): Promise<Answer> => {
  const { reason, paper } = body;
  const serverId = body.serverId ?? d.store.activation()?.serverId;
  if (serverId === undefined) {
    const says = 'This license server was never activated: say which id it had, or activate it.';
    return answerWith(liaisonRefused, { reason: 'NOT_ACTIVATED', says });
  }
  return acceptCommand(d, body, { kind: 'reactivate', reason, paper, serverId });
};

export const deactivate = async (
  d: IntakeDeps,
  { body }: Message<typeof liaisonDeactivate>,
): Promise<Answer> => acceptCommand(d, body, { kind: 'deactivate' });

export const recover = async (d: IntakeDeps, { body }: Message<typeof liaisonRecover>): Promise<Answer> =>
  acceptCommand(d, body, { kind: 'recover', paper: body.paper });

export const changePack = async (
  d: IntakeDeps,
  { body }: Message<typeof liaisonChangePack>,
): Promise<Answer> => {
  const { keyPackId, quantity, to } = body;
  return acceptCommand(d, body, { kind: 'change-pack', keyPackId, quantity, to });
};
