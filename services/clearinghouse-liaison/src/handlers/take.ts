// liaison.activate and liaison.install: into the outbox, and answered at once. The same command again is answered as it stands.

import type { ClearinghouseCommand } from '@calbus/contracts/clearinghouse';
import type { Message } from '@calbus/contracts/envelope';
import {
  liaisonActivate,
  liaisonInstall,
  liaisonRefused,
  liaisonTaken,
  type LiaisonCommand,
} from '@calbus/contracts/liaison-messages';
import { answerWith, type Answer } from '@calbus/runtime/respond';
import { decideTake, describe, type Command, type Request } from '../domain/command.ts';
import type { Inventory, Signer, Store } from '../ports.ts';

export type TakeDeps = {
  readonly store: Store;
  readonly signer: Signer;
  readonly inventory: Pick<Inventory, 'head'>;
  readonly now: () => number;
  /** Something waits to be sent. */
  readonly onTaken: () => void;
};

export const shown = (c: Command): LiaisonCommand => ({
  commandId: c.commandId,
  kind: c.request.kind,
  askedAt: c.askedAt,
  by: c.by,
  about: describe(c.request),
  state: c.state,
});

const statementOf = (d: TakeDeps, id: string, sequence: number, request: Request): ClearinghouseCommand => {
  const head = d.inventory.head() ?? d.store.witnesses()[0];
  const witness = head ? { generation: head.generation, sequence: head.sequence, hash: head.hash } : null;
  const { productId } = d.store;
  const common = { id, version: 1 as const, issuedAt: d.now(), productId, sequence, witness };
  if (request.kind === 'activate') return { ...common, type: 'activate', body: { contact: request.contact } };
  const activation = d.store.activation();
  if (!activation) throw new Error('an install without an activation was taken');
  const { serverId, epoch } = activation;
  return { ...common, type: 'install', serverId, epoch, body: request.purchase };
};

const take = (d: TakeDeps, commandId: string, by: string, request: Request): Answer => {
  const known = d.store.command(commandId);
  const decision = decideTake(request, known, d.store.activation());
  switch (decision.kind) {
    case 'refused':
      return answerWith(liaisonRefused, { reason: decision.reason, says: decision.says });
    case 'repeated':
    case 'take': {
      const command =
        known ??
        d.store.take((sequence) => ({
          commandId,
          sequence,
          request,
          by,
          askedAt: d.now(),
          jws: d.signer.sign(statementOf(d, commandId, sequence, request)),
          state: { state: 'waiting' },
        }));
      d.onTaken();
      return answerWith(liaisonTaken, {
        command: shown(command),
        repeated: decision.kind === 'repeated',
      });
    }
  }
};

export const takeActivate = async (d: TakeDeps, { body }: Message<typeof liaisonActivate>): Promise<Answer> =>
  take(d, body.commandId, body.by, { kind: 'activate', contact: body.contact });

export const takeInstall = async (d: TakeDeps, { body }: Message<typeof liaisonInstall>): Promise<Answer> =>
  take(d, body.commandId, body.by, { kind: 'install', purchase: body.purchase });
