import { inventoryAccepted } from '@calbus/contracts/inventory-messages';
import { answerWith, type Answer } from '@calbus/runtime/respond';
import type { Head } from '../domain/state.ts';

/** A command that is recorded at the head. */
export const accepted = ({ generation, sequence }: Head): Answer =>
  answerWith(inventoryAccepted, { position: { generation, sequence }, repeated: false });

/** A command that had been recorded at `sequence`. */
export const acceptedBefore = ({ generation }: Head, sequence: number): Answer =>
  answerWith(inventoryAccepted, { position: { generation, sequence }, repeated: true });
