// A decision and its effects on the register, within the caller's transaction.

import type { ClearinghouseCommand, KeyPackClaims } from '@calbus/contracts/clearinghouse';
import { decideActivate, decideInstall, type Rejection } from '../domain/decide.ts';
import type { Registry } from '../ports.ts';
import type { CommandDeps } from './command.ts';

export type Opened =
  Rejection | { readonly kind: 'command'; readonly command: ClearinghouseCommand; readonly key: string };

export type Decided = Rejection | { readonly kind: 'activated' | 'key-pack'; readonly answer: string };

/** What an activation would hand out; made before the transaction, since a certificate cannot be made within one. */
export type Draft = { readonly serverId: string; readonly chain: readonly string[] } | undefined;

export const draftOf = async (d: CommandDeps, opened: Opened): Promise<Draft> => {
  if (opened.kind !== 'command' || opened.command.type !== 'activate') return undefined;
  const serverId = d.chance.identifier();
  return { serverId, chain: [await d.seal.certify(serverId, opened.key, d.now())] };
};

export const applyCommand = (
  d: CommandDeps,
  registry: Registry,
  user: string,
  opened: Opened,
  draft: Draft,
): Decided => {
  if (opened.kind === 'rejected') return opened;
  const { command, key } = opened;
  const sender = { user, key };
  const known = registry.server(command.productId);
  const issuedAt = d.now();
  const statement = {
    id: d.chance.id(),
    version: 1,
    issuedAt,
    commandId: command.id,
    productId: command.productId,
  };
  switch (command.type) {
    case 'activate': {
      const decision = decideActivate(known, sender);
      if (decision.kind === 'rejected') return decision;
      if (!draft) throw new Error('an activation without a certificate');
      const { epoch } = decision;
      const { productId, body } = command;
      registry.addServer({
        productId,
        user,
        key,
        ...draft,
        epoch,
        contact: body.contact,
        activatedAt: issuedAt,
      });
      registry.keepWitness(productId, command.sequence, command.witness);
      const answer = d.seal.answer({ ...statement, type: 'activated', body: { ...draft, epoch } });
      return { kind: 'activated', answer };
    }
    case 'install': {
      const decision = decideInstall(command, known, sender, registry.cover(command.body));
      if (decision.kind === 'rejected') return decision;
      const { serverId, epoch } = decision.server;
      const pack = { keyPackId: d.chance.identifier(), serverId, epoch, issuedAt, purchase: command.body };
      registry.issue({ ...pack, commandId: command.id });
      registry.keepWitness(command.productId, command.sequence, command.witness);
      const claims: KeyPackClaims = { version: 1, ...pack };
      const keyPack = d.seal.keyPack(claims);
      return {
        kind: 'key-pack',
        answer: d.seal.answer({ ...statement, type: 'key-pack', body: { keyPack } }),
      };
    }
  }
};
