// inventory.install: a key pack. Inventory verifies the Clearinghouse's statement by itself, and records a pack once,
// whatever is repeated.

import { firstIssue, type Message } from '@calbus/contracts/envelope';
import { KEY_PACK_TYP, keyPackClaims } from '@calbus/contracts/clearinghouse';
import { inventoryInstall, inventoryRefused } from '@calbus/contracts/inventory-messages';
import { compareVersions } from '@calbus/contracts/versions';
import { answerWith, type Answer } from '@calbus/runtime/respond';
import { openStatement } from '@calbus/trust/statements';
import { currentActivation } from '../domain/state.ts';
import { accepted, acceptedBefore } from './accepted.ts';
import type { GroupCommit } from './group-commit.ts';

export type InstallDeps = { readonly roots: readonly string[]; readonly now: () => number };

const rejected = (detail: string): Answer =>
  answerWith(inventoryRefused, { code: 'KEY_PACK_REJECTED', detail });

export const install = async (
  commit: GroupCommit,
  deps: InstallDeps,
  { body }: Message<typeof inventoryInstall>,
): Promise<Answer> => {
  const statement = openStatement(body.keyPack, KEY_PACK_TYP, deps.roots, deps.now());
  if (!statement.ok) return rejected(`${statement.why}.`);
  const parsed = keyPackClaims.safeParse(statement.payload);
  if (!parsed.success) return rejected(firstIssue(parsed.error));
  const { keyPackId, serverId, epoch, purchase } = parsed.data;
  return await commit.submit<Answer>((draft) => {
    const refuse = (detail: string) => ({ records: [], answer: () => rejected(detail) });
    const { head } = draft;
    const earlier = draft.packs.get(keyPackId);
    if (earlier) return { records: [], answer: () => acceptedBefore(head, earlier.sequence) };
    const active = currentActivation(head);
    if (!active) return refuse('This license server is not activated.');
    if (active.serverId !== serverId) return refuse('The key pack is for another license server.');
    if (active.epoch !== epoch)
      return refuse(`The key pack is of epoch ${epoch}; in force is ${active.epoch}.`);
    const { program, agreementNumber, version, mode, quantity } = purchase;
    // V2.
    const { serverVersion } = head.settings;
    if (compareVersions(version, serverVersion) > 0)
      return refuse(
        `The key pack is of version ${version}; this license server is of version ${serverVersion} (setting serverVersion).`,
      );
    const { commandId, keyPack, by } = body;
    const pack = { keyPackId, epoch, program, agreementNumber, version, mode, quantity };
    return {
      records: [{ kind: 'pack-installed', commandId, ...pack, keyPack, by }],
      answer: ({ head }) => accepted(head),
    };
  });
};
