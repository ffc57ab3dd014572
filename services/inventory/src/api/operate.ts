// inventory.operate: what an operator commands, each with who and why in the ledger.

import {
  inventoryRefused,
  type inventoryConfirmClock,
  type inventoryMergeDevices,
  type inventoryReleaseReserve,
  type inventoryRevoke,
  type inventorySettings,
  type inventoryUndoMerge,
} from '@calbus/contracts/inventory-command-messages';
import type { Message } from '@calbus/contracts/envelope';
import { refusals, type RefusalCode } from '@calbus/contracts/refusals';
import { settingsConflict, type Settings } from '@calbus/contracts/settings';
import { answerWith, type Answer } from '@calbus/runtime/responder';
import { planMerge, planUndoMerge } from '../rules/device-merge.ts';
import { checkRevocation } from '../rules/revocation.ts';
import { reservedCals } from '../rules/withheld-cals.ts';
import { byCommandId, recordOnce } from './record-once.ts';
import type { ClockWatch } from '../handlers/clock-watch.ts';
import type { GroupCommit } from '../handlers/group-commit.ts';

const rejected = (detail: string): Answer => refused('SETTINGS_REJECTED', detail);

export const changeSettings = (
  commit: GroupCommit,
  { body }: Message<typeof inventorySettings>,
): Promise<Answer> =>
  recordOnce(commit, {
    recordedAt: byCommandId(body.commandId),
    decide: ({ head }) => {
      const { commandId, changes, by, why } = body;
      if (Object.keys(changes).length === 0) return rejected('No setting of a known name is given.');
      const conflict = settingsConflict({ ...head.settings, ...changes } as Settings);
      if (conflict !== undefined) return rejected(conflict);
      return [{ kind: 'settings-changed', commandId, changes, by, why }];
    },
  });

export const confirmClock = async (
  commit: GroupCommit,
  watch: ClockWatch,
  { body }: Message<typeof inventoryConfirmClock>,
): Promise<Answer> => {
  const { commandId, by, why } = body;
  return await recordOnce(commit, {
    recordedAt: byCommandId(commandId),
    decide: () => [{ kind: 'clock-confirmed', commandId, by, why }],
    onRecorded: watch.confirm,
  });
};

const refused = (code: RefusalCode, detail: string, nextRevokeAllowedOn?: number): Answer =>
  answerWith(inventoryRefused, {
    code,
    detail,
    ...(nextRevokeAllowedOn === undefined ? {} : { nextRevokeAllowedOn }),
  });

/** R1 to R3. */
export const revoke = (commit: GroupCommit, { body }: Message<typeof inventoryRevoke>): Promise<Answer> =>
  recordOnce(commit, {
    recordedAt: byCommandId(body.commandId),
    decide: (draft, { at: now }) => {
      const { commandId, licenseId, by, why } = body;
      const may = checkRevocation(draft, licenseId, now);
      if (may.ok) return [{ kind: 'license-revoked', commandId, row: 'R1', licenseId, by, why }];
      if (may.code === 'NOT_REVOCABLE') return refused(may.code, refusals.NOT_REVOCABLE.says);
      const day = new Date(may.nextRevokeAllowedOn).toISOString();
      const detail = `${refusals.REVOCATION_LIMIT.says} The next one may be revoked on ${day}.`;
      return refused(may.code, detail, may.nextRevokeAllowedOn);
    },
  });

/** M1. */
export const mergeDevices = (
  commit: GroupCommit,
  { body }: Message<typeof inventoryMergeDevices>,
): Promise<Answer> =>
  recordOnce(commit, {
    recordedAt: byCommandId(body.commandId),
    decide: (draft, { at: now }) => {
      const { commandId, from, into, by, why } = body;
      const plan = planMerge(draft, from, into, now);
      if (!plan.ok) return refused('MERGE_REJECTED', plan.detail);
      const ends = [...plan.ends];
      return [{ kind: 'devices-merged', commandId, row: 'M1', from, into, ends, by, why }];
    },
  });

/** M2. */
export const undoMerge = (
  commit: GroupCommit,
  { body }: Message<typeof inventoryUndoMerge>,
): Promise<Answer> =>
  recordOnce(commit, {
    recordedAt: byCommandId(body.commandId),
    decide: (draft, { at: now }) => {
      const { commandId, from, by, why } = body;
      const plan = planUndoMerge(draft, from, now);
      if (!plan.ok) return refused(plan.code, plan.detail);
      const { restores, keyPackId } = plan;
      return [{ kind: 'merge-undone', commandId, row: 'M2', from, restores, keyPackId, by, why }];
    },
  });

/** What is kept for licenses that are learned again is free from now on. */
export const releaseReserve = (
  commit: GroupCommit,
  { body }: Message<typeof inventoryReleaseReserve>,
): Promise<Answer> =>
  recordOnce(commit, {
    recordedAt: byCommandId(body.commandId),
    decide: (draft) => {
      const { commandId, by, why } = body;
      return [{ kind: 'reserve-released', commandId, by, why, released: reservedCals(draft) }];
    },
  });

/** A leader has lost nothing: where it had, it would not lead. */
export const noLoss = (): Answer =>
  answerWith(inventoryRefused, {
    code: 'NO_LOSS',
    detail: 'This replica leads; all witnesses that answer agree.',
  });

/** Whoever leads has a ledger. */
export const notEmpty = (): Answer =>
  refused(
    'RESTORE_REJECTED',
    'The ledger is not empty. Start inventory with CALBUS_AWAIT_RESTORE=yes on an empty NATS store, so that it waits for the backup.',
  );
