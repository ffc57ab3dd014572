// A lost part of the ledger: the evidence for it, and the operator's acceptance, after which inventory issues licenses again.

import { recordAnswers } from '@calbus/contracts/inventory-interface';
import { inventoryAcceptLoss, type LedgerEnd } from '@calbus/contracts/ledger-messages';
import { inventoryRefused } from '@calbus/contracts/inventory-command-messages';
import { NO_HASH } from '@calbus/contracts/ledger';
import { subjects } from '@calbus/contracts/subjects';
import type { OperatorClient } from '../client.ts';
import { newId } from '../ids.ts';
import type { Authorship } from '../inventory-commands.ts';
import { Problem } from '../problem.ts';
import { requireReplicas, type ReplicaStatus } from '../queries.ts';

export type LossStatus = ReplicaStatus & { readonly loss: NonNullable<ReplicaStatus['loss']> };

/** Throws a Problem where no replica reports a loss. */
export const readLoss = async (operator: OperatorClient): Promise<LossStatus> => {
  const replicas = await requireReplicas(operator);
  const found = replicas.find((r): r is LossStatus => r.loss !== undefined);
  if (found) return found;
  throw new Problem('NO_LOSS', 'Nothing of the ledger is known to be lost.');
};

/** The end of the ledger that is left, by which inventory checks that the operator decided on the present state. */
export const survivingEnd = ({ position, hash }: ReplicaStatus): LedgerEnd =>
  hash === NO_HASH ? null : { generation: position.generation, sequence: position.sequence, hash };

/** Sends once: a change of the leader changes the evidence, and the operator must see it first. */
export const acceptLoss = async (operator: OperatorClient, s: LossStatus, a: Authorship) => {
  const body = { commandId: newId(), survives: survivingEnd(s), ...a };
  const subject = subjects.inventory.operate(s.loss.term);
  const answer = await operator.askAny(subject, inventoryAcceptLoss, body, recordAnswers);
  if (answer.type !== inventoryRefused.type) return answer.body;
  const { code, detail } = answer.body;
  throw new Problem(code, `${detail} Nothing was accepted; look again.`);
};
