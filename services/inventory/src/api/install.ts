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
import { currentActivation } from '../state/state.ts';
import { freeInPack } from '../rules/withheld-cals.ts';
import { accepted, alreadyRecorded } from './record-once.ts';
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
  return await commit.submit<Answer>((draft) => {
    const refuse = (detail: string) => ({ records: [], answer: () => rejected(detail) });
    const { head } = draft;
    const earlier = draft.packs.get(keyPackId);
    if (earlier) return { records: [], answer: () => alreadyRecorded(head, earlier.sequence) };
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
    // What is recovered is in use already, on devices that show their licenses again.
    const kept = body.recovered === true && mode === 'per-device' ? { reserved: quantity } : {};
    return {
      records: [{ kind: 'pack-installed', commandId, ...pack, keyPack, by, ...kept }],
      answer: ({ head }) => accepted(head),
    };
  });
};

/** inventory.withhold: free CALs that the Clearinghouse is to be asked to take. */
export const withhold = (commit: GroupCommit, { body }: Message<typeof inventoryWithhold>): Promise<Answer> =>
  commit.submit<Answer>((draft) => {
    const { head } = draft;
    const { commandId, keyPackId, quantity, by } = body;
    if (draft.withheld.get(commandId))
      return { records: [], answer: () => alreadyRecorded(head, head.sequence) };
    const refuse = (code: 'UNKNOWN_PACK' | 'NOT_FREE', detail: string) => ({
      records: [],
      answer: () => answerWith(inventoryRefused, { code, detail }),
    });
    const pack = draft.packs.get(keyPackId);
    if (!pack) return refuse('UNKNOWN_PACK', refusals.UNKNOWN_PACK.says);
    const free = freeInPack(draft, pack);
    if (free < quantity) return refuse('NOT_FREE', `Free are ${free} of its CALs; asked for: ${quantity}.`);
    return {
      records: [{ kind: 'cals-withheld', commandId, keyPackId, quantity, by }],
      answer: ({ head }) => accepted(head),
    };
  });

/** inventory.settle-withheld: they are gone, or free again. */
export const settleWithheld = (
  commit: GroupCommit,
  { body }: Message<typeof inventorySettleWithheld>,
): Promise<Answer> =>
  commit.submit<Answer>((draft) => {
    const { head } = draft;
    const { commandId, outcome } = body;
    const kept = draft.withheld.get(commandId);
    if (!kept || kept.settled) return { records: [], answer: () => alreadyRecorded(head, head.sequence) };
    const { keyPackId, quantity } = kept;
    return {
      records: [{ kind: 'cals-settled', commandId, keyPackId, quantity, outcome }],
      answer: ({ head }) => accepted(head),
    };
  });
