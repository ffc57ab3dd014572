// inventory.activation: under which id and epoch this license server is activated. Inventory checks the certificate itself.

import {
  inventoryRefused,
  type inventoryActivation,
  type inventoryDeactivation,
} from '@calbus/contracts/inventory-command-messages';
import type { Message } from '@calbus/contracts/envelope';
import { answerWith, type Answer } from '@calbus/runtime/responder';
import { verifyChain } from '@calbus/licenses/certificates';
import { currentActivation } from '../state/state.ts';
import { byCommandId, recordOnce } from './record-once.ts';
import type { GroupCommit } from '../handlers/group-commit.ts';

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
  const { commandId, serverId, epoch, by } = body;
  return await recordOnce(commit, {
    recordedAt: byCommandId(commandId),
    decide: ({ head }) => {
      const last = currentActivation(head);
      if (last && epoch <= last.epoch)
        return rejected(`Epoch ${epoch} is not later than the one in force, ${last.epoch}.`);
      const certificateNotAfter = chain.leaf.notAfter;
      return [{ kind: 'activated', commandId, serverId, epoch, chain: body.chain, certificateNotAfter, by }];
    },
  });
};

/** inventory.deactivation. */
export const deactivation = (
  commit: GroupCommit,
  { body: { commandId, by } }: Message<typeof inventoryDeactivation>,
): Promise<Answer> =>
  recordOnce(commit, {
    recordedAt: byCommandId(commandId),
    decide: () => [{ kind: 'deactivated', commandId, by }],
  });
