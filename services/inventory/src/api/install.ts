// What the liaison says of key packs: one is installed, whose statement inventory verifies by itself; CALs are to leave one, and
// have, or have not. Each is recorded once, whatever is repeated.

import { firstIssue, type Message } from '@calbus/contracts/envelope';
import { KEY_PACK_TYP, keyPackClaims } from '@calbus/contracts/clearinghouse';
import {
  inventoryRefused,
  type inventoryInstall,
  type inventorySettleWithheld,
  type inventoryWithhold,
} from '@calbus/contracts/inventory-command-messages';
import { refusals } from '@calbus/contracts/refusals';
import { compareVersions } from '@calbus/contracts/versions';
import { answerWith, type Answer } from '@calbus/runtime/responder';
import { openStatement } from '@calbus/licenses/statements';
import { currentActivation, type State, type Withheld } from '../state/state.ts';
import { freeInPack } from '../rules/withheld-cals.ts';
import { recordOnce } from './record-once.ts';
import type { GroupCommit } from '../handlers/group-commit.ts';

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
  return await recordOnce(commit, {
    recordedAt: (draft) => draft.packs.get(keyPackId)?.sequence,
    decide: ({ head }) => {
      const active = currentActivation(head);
      if (!active) return rejected('This license server is not activated.');
      if (active.serverId !== serverId) return rejected('The key pack is for another license server.');
      if (active.epoch !== epoch)
        return rejected(`The key pack is of epoch ${epoch}; in force is ${active.epoch}.`);
      const { program, agreementNumber, version, mode, quantity } = purchase;
      // V2.
      const { serverVersion } = head.settings;
      if (compareVersions(version, serverVersion) > 0)
        return rejected(
          `The key pack is of version ${version}; this license server is of version ${serverVersion} (setting serverVersion).`,
        );
      const { commandId, keyPack, by } = body;
      const pack = { keyPackId, epoch, program, agreementNumber, version, mode, quantity };
      // Recovered CALs are in use already, on devices that show their licenses again.
      const reserve = body.recovered === true && mode === 'per-device' ? { reserved: quantity } : {};
      return [{ kind: 'pack-installed', commandId, ...pack, keyPack, by, ...reserve }];
    },
  });
};

/** inventory.withhold: free CALs that the liaison asks the Clearinghouse to take. */
export const withhold = (
  commit: GroupCommit,
  { body }: Message<typeof inventoryWithhold>,
): Promise<Answer> => {
  const { commandId, keyPackId, quantity, by } = body;
  const refuse = (code: 'UNKNOWN_PACK' | 'NOT_FREE', detail: string): Answer =>
    answerWith(inventoryRefused, { code, detail });
  return recordOnce(commit, {
    recordedAt: ({ withheld, head }) => (withheld.get(commandId) ? head.sequence : undefined),
    decide: (draft) => {
      const pack = draft.packs.get(keyPackId);
      if (!pack) return refuse('UNKNOWN_PACK', refusals.UNKNOWN_PACK.says);
      const free = freeInPack(draft, pack);
      if (free < quantity) return refuse('NOT_FREE', `Free are ${free} of its CALs; asked for: ${quantity}.`);
      return [{ kind: 'cals-withheld', commandId, keyPackId, quantity, by }];
    },
  });
};

/** inventory.settle-withheld: the Clearinghouse has taken the CALs, or they are free again. */
export const settleWithheld = (
  commit: GroupCommit,
  { body: { commandId, outcome } }: Message<typeof inventorySettleWithheld>,
): Promise<Answer> => {
  const unsettled = ({ withheld }: State): Withheld | undefined => {
    const cals = withheld.get(commandId);
    return cals?.settled ? undefined : cals;
  };
  return recordOnce(commit, {
    recordedAt: (draft) => (unsettled(draft) ? undefined : draft.head.sequence),
    decide: (draft) => {
      const cals = unsettled(draft);
      if (!cals) return [];
      const { keyPackId, quantity } = cals;
      return [{ kind: 'cals-settled', commandId, keyPackId, quantity, outcome }];
    },
  });
};
