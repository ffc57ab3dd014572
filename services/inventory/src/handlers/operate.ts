// inventory.operate: what an operator commands, each with who and why in the ledger.

import {
  inventoryRefused,
  type inventoryConfirmClock,
  type inventorySettings,
} from '@calbus/contracts/inventory-messages';
import type { Message } from '@calbus/contracts/envelope';
import { settingsConflict, type Settings } from '@calbus/contracts/settings';
import { answerWith, type Answer } from '@calbus/runtime/respond';
import { accepted, acceptedBefore } from './accepted.ts';
import type { ClockWatch } from './clock-watch.ts';
import type { GroupCommit } from './group-commit.ts';

const rejected = (detail: string): Answer =>
  answerWith(inventoryRefused, { code: 'SETTINGS_REJECTED', detail });

export const changeSettings = (
  commit: GroupCommit,
  { body }: Message<typeof inventorySettings>,
): Promise<Answer> =>
  commit.submit<Answer>((draft) => {
    const { head } = draft;
    const earlier = draft.commands.get(body.commandId);
    if (earlier !== undefined) return { records: [], answer: () => acceptedBefore(head, earlier) };
    const { commandId, changes, by, why } = body;
    const refuse = (detail: string) => ({ records: [], answer: () => rejected(detail) });
    if (Object.keys(changes).length === 0) return refuse('No setting of a known name is given.');
    const conflict = settingsConflict({ ...head.settings, ...changes } as Settings);
    if (conflict !== undefined) return refuse(conflict);
    return {
      records: [{ kind: 'settings-changed', commandId, changes, by, why }],
      answer: ({ head }) => accepted(head),
    };
  });

export const confirmClock = async (
  commit: GroupCommit,
  watch: ClockWatch,
  { body }: Message<typeof inventoryConfirmClock>,
): Promise<Answer> => {
  const { commandId, by, why } = body;
  return await commit.submit<Answer>((draft) => {
    const { head } = draft;
    const earlier = draft.commands.get(commandId);
    if (earlier !== undefined) return { records: [], answer: () => acceptedBefore(head, earlier) };
    return {
      records: [{ kind: 'clock-confirmed', commandId, by, why }],
      answer: ({ head }) => {
        watch.confirm(head.time);
        return accepted(head);
      },
    };
  });
};

/** A leader has lost nothing: where it had, it would not lead. */
export const noLoss = (): Answer =>
  answerWith(inventoryRefused, {
    code: 'NO_LOSS',
    detail: 'This replica leads; all witnesses that answer agree.',
  });
