// A command that is recorded once, however often it is repeated.

import { inventoryAccepted } from '@calbus/contracts/inventory-command-messages';
import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { LedgerPosition } from '@calbus/contracts/tokens';
import { answerWith, type Answer } from '@calbus/runtime/responder';
import { stampPosition, type GroupCommit } from '../handlers/group-commit.ts';
import type { DecisionContext } from '../rules/ruling.ts';
import { positionOf } from '../state/outcomes.ts';
import type { State } from '../state/state.ts';

/** The answer to a command that is recorded at this position. */
export const accepted = (position: LedgerPosition, repeated = false): Answer =>
  answerWith(inventoryAccepted, { position: positionOf(position), repeated });

export type RecordedCommand = {
  /** The sequence of the record that the ledger has of this command; undefined where it has none. */
  readonly recordedAt: (draft: State) => number | undefined;
  /** The records of the command, or the answer that refuses it. */
  readonly decide: (draft: State, context: DecisionContext) => readonly LedgerRecord[] | Answer;
  /** Called with the ledger time of the records once they are committed. */
  readonly onRecorded?: (at: number) => void;
};

/** Finds the record of a command by the id of the command. */
export const byCommandId =
  (commandId: string): RecordedCommand['recordedAt'] =>
  ({ commands }) =>
    commands.get(commandId);

type Result =
  | { readonly kind: 'refused'; readonly answer: Answer }
  | { readonly kind: 'repeated'; readonly position: LedgerPosition }
  | { readonly kind: 'recorded'; readonly at: number };

const decideOnce = (
  { recordedAt, decide }: RecordedCommand,
  draft: State,
  context: DecisionContext,
): { readonly records: readonly LedgerRecord[]; readonly result: Result } => {
  const sequence = recordedAt(draft);
  if (sequence !== undefined) {
    const position = { generation: draft.head.generation, sequence };
    return { records: [], result: { kind: 'repeated', position } };
  }
  const decided = decide(draft, context);
  return 'contract' in decided
    ? { records: [], result: { kind: 'refused', answer: decided } }
    : { records: decided, result: { kind: 'recorded', at: context.at } };
};

export const recordOnce = async (
  commit: Pick<GroupCommit, 'submit'>,
  command: RecordedCommand,
): Promise<Answer> => {
  const { result, position } = await commit.submit((draft, context) => decideOnce(command, draft, context));
  switch (result.kind) {
    case 'refused':
      return result.answer;
    case 'repeated':
      return accepted(stampPosition(result.position, position), true);
    case 'recorded':
      command.onRecorded?.(result.at);
      return accepted(position);
  }
};
