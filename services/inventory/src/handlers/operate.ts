// inventory.operate: what an operator commands, each with who and why in the ledger.

import {
  inventoryRefused,
  type inventoryConfirmClock,
  type inventorySettings,
} from '@calbus/contracts/inventory-messages';
import type { Message } from '@calbus/contracts/envelope';
import { settingsConflict, type Settings } from '@calbus/contracts/settings';
import { answerWith, type Answer } from '@calbus/runtime/respond';
import { recordOnce } from './accepted.ts';
import type { ClockWatch } from './clock-watch.ts';
import type { GroupCommit } from './group-commit.ts';

const rejected = (detail: string): Answer =>
  answerWith(inventoryRefused, { code: 'SETTINGS_REJECTED', detail });

export const changeSettings = (
  commit: GroupCommit,
  { body }: Message<typeof inventorySettings>,
): Promise<Answer> =>
  commit.submit(
    recordOnce(body.commandId, ({ head }) => {
      const { commandId, changes, by, why } = body;
      if (Object.keys(changes).length === 0) return rejected('No setting of a known name is given.');
      const conflict = settingsConflict({ ...head.settings, ...changes } as Settings);
      if (conflict !== undefined) return rejected(conflict);
      return [{ kind: 'settings-changed', commandId, changes, by, why }];
    }),
  );

export const confirmClock = async (
  commit: GroupCommit,
  watch: ClockWatch,
  { body }: Message<typeof inventoryConfirmClock>,
): Promise<Answer> => {
  const { commandId, by, why } = body;
  return await commit.submit(
    recordOnce(
      commandId,
      () => [{ kind: 'clock-confirmed', commandId, by, why }],
      ({ time }) => watch.confirm(time),
    ),
  );
};

/** A leader has lost nothing: where it had, it would not lead. */
export const noLoss = (): Answer =>
  answerWith(inventoryRefused, {
    code: 'NO_LOSS',
    detail: 'This replica leads; all witnesses that answer agree.',
  });
