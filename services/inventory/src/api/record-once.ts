import { inventoryAccepted } from '@calbus/contracts/inventory-command-messages';
import { answerWith, type Answer } from '@calbus/runtime/responder';
import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { DecisionContext } from '../rules/decision.ts';
import type { Head, State } from '../state/state.ts';
import type { Work } from '../handlers/group-commit.ts';

/** A command that is recorded at the head. */
export const accepted = ({ generation, sequence }: Head): Answer =>
  answerWith(inventoryAccepted, { position: { generation, sequence }, repeated: false });

/**
 * What a command comes to that is recorded once, whatever is repeated: a command id that is in the ledger is answered so, and
 * `decide` gives the records of one that is not, or the answer that refuses it. `recorded` is called once they are committed.
 */
export const recordOnce =
  (
    commandId: string,
    decide: (draft: State, c: DecisionContext) => readonly LedgerRecord[] | Answer,
    recorded: (head: Head) => void = () => {},
  ): Work<Answer> =>
  (draft, c) => {
    const { head } = draft;
    const earlier = draft.commands.get(commandId);
    if (earlier !== undefined) return { records: [], answer: () => alreadyRecorded(head, earlier) };
    const decided = decide(draft, c);
    if ('contract' in decided) return { records: [], answer: () => decided };
    return {
      records: decided,
      answer: ({ head }) => {
        recorded(head);
        return accepted(head);
      },
    };
  };

/** A command that had been recorded at `sequence`. */
export const alreadyRecorded = ({ generation }: Head, sequence: number): Answer =>
  answerWith(inventoryAccepted, { position: { generation, sequence }, repeated: true });
