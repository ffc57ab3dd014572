// inventory.activation: under which id and epoch this license server is activated. Inventory checks the certificate itself.

import { inventoryActivation, inventoryRefused } from '@calbus/contracts/inventory-messages';
import type { Message } from '@calbus/contracts/envelope';
import { answerWith, type Answer } from '@calbus/runtime/respond';
import { verifyChain } from '@calbus/trust/certificates';
import { currentActivation } from '../domain/state.ts';
import { accepted, acceptedBefore } from './accepted.ts';
import type { GroupCommit } from './group-commit.ts';

export type ActivationDeps = { readonly roots: readonly string[]; readonly now: () => number };

const rejected = (detail: string): Answer =>
  answerWith(inventoryRefused, { code: 'CERTIFICATE_REJECTED', detail });

export const activation = async (
  commit: GroupCommit,
  deps: ActivationDeps,
  { body }: Message<typeof inventoryActivation>,
): Promise<Answer> => {
  const chain = verifyChain(body.chain, deps.roots, ['license-server'], deps.now());
  if (!chain.ok) return rejected(`${chain.why}.`);
  if (chain.leaf.commonName !== body.serverId)
    return rejected('The certificate names another license server.');
  return await commit.submit<Answer>((draft) => {
    const { head } = draft;
    const earlier = draft.commands.get(body.commandId);
    if (earlier !== undefined) return { records: [], answer: () => acceptedBefore(head, earlier) };
    const last = currentActivation(head);
    if (last && body.epoch <= last.epoch) {
      const answer = rejected(`Epoch ${body.epoch} is not later than the one in force, ${last.epoch}.`);
      return { records: [], answer: () => answer };
    }
    return {
      records: [
        {
          kind: 'activated',
          commandId: body.commandId,
          serverId: body.serverId,
          epoch: body.epoch,
          chain: body.chain,
          certificateNotAfter: chain.leaf.notAfter,
          by: body.by,
        },
      ],
      answer: ({ head }) => accepted(head),
    };
  });
};
