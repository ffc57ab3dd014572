// `calbus clock`: an operator's word that the leader's clock is right.

import { inventoryConfirmClock } from '@calbus/contracts/inventory-command-messages';
import { newId, type OperatorClient } from '@calbus/operator-client/client';
import { json, say } from '../print.ts';

export const confirmClock = async (
  operator: OperatorClient,
  by: string,
  why: string,
  asJson: boolean,
): Promise<void> => {
  const { position } = await operator.sendToLeader(inventoryConfirmClock, { commandId: newId(), by, why });
  if (asJson) json({ position });
  else say('The clock of the leader is confirmed: CALs of ended licenses return to their pools again.');
};
