// inventory.allocate: an issuer's batch of requests. Each is decided by itself; all are answered together.

import {
  inventoryAllocate,
  inventoryAllocated,
  type Allocation,
  type AllocationAnswer,
} from '@calbus/contracts/inventory-messages';
import type { Message } from '@calbus/contracts/envelope';
import { answerWith, type Answer } from '@calbus/runtime/respond';
import { answerNotices, type Notice } from '../domain/notices.ts';
import { decide } from '../domain/decide.ts';
import type { GroupCommit, Work } from './group-commit.ts';
import type { Repeats } from './repeats.ts';

const noteRepeat = (repeats: Repeats, item: Allocation, { outcome }: AllocationAnswer): void => {
  if (item.kind !== 'license' || outcome.kind !== 'refused') return;
  const { terminalServerId, hardwareId, version, mode } = item;
  repeats.count({ terminalServerId, hardwareId, version, mode, code: outcome.code });
};

export type AllocateDeps = {
  readonly commit: GroupCommit;
  readonly repeats: Repeats;
  readonly notice: (notice: Notice) => void;
};

const workOf =
  (item: Allocation, repeats: Repeats): Work<AllocationAnswer> =>
  (draft, c) => {
    const decision = decide(draft, item, c);
    return {
      records: decision.records,
      answer: (state, move) => {
        if (decision.kind === 'known') {
          if (decision.repeats) noteRepeat(repeats, item, decision.answer);
          return move(decision.answer);
        }
        const recorded = state.outcomes.get(item.requestId);
        if (!recorded) throw new Error('a recorded outcome is not in the state');
        return recorded;
      },
    };
  };

export const allocate = async (
  { commit, repeats, notice }: AllocateDeps,
  message: Message<typeof inventoryAllocate>,
): Promise<Answer> => {
  const asked = message.body.items;
  const items = await Promise.all(asked.map((item) => commit.submit(workOf(item, repeats))));
  for (const [i, answer] of items.entries()) {
    const item = asked[i];
    if (item) answerNotices(item, answer).forEach(notice);
  }
  return answerWith(inventoryAllocated, { items });
};
