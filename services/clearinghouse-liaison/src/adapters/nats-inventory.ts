// Inventory as the liaison sees it: the leader's beacon, and the two commands that are the liaison's.

import type { NatsConnection } from 'nats';
import { faultOf } from '@calbus/contracts/faults';
import {
  inventoryAccepted,
  inventoryActivation,
  inventoryInstall,
  inventoryRefused,
} from '@calbus/contracts/inventory-messages';
import { subjects } from '@calbus/contracts/subjects';
import { ask } from '@calbus/runtime/ask';
import type { Clock } from '@calbus/runtime/clock';
import { hearHead } from '@calbus/runtime/head-beacon';
import { newId } from '@calbus/runtime/ids';
import { errorFacts, type Log } from '@calbus/runtime/log';
import type { Inventory, Recorded } from '../ports.ts';

const ASK_MS = 5_000;
const answers = [inventoryAccepted, inventoryRefused] as const;

export const natsInventory = (nc: NatsConnection, clock: Clock, log: Log): Inventory => {
  // What does not decode is put aside by the issuers, which hear it too.
  const beacon = hearHead(
    nc,
    clock,
    () => {},
    (error) => log.error(errorFacts(error), 'the beacon cannot be heard'),
  );
  return {
    head: beacon.head,
    record: async (term, { commandId, by }, answered): Promise<Recorded> => {
      const stamp = { id: newId(), sentAt: clock.now(), correlationId: commandId };
      try {
        const { type, body } =
          answered.kind === 'activated'
            ? await ask(
                nc,
                subjects.inventory.activation(term),
                inventoryActivation,
                stamp,
                {
                  commandId,
                  serverId: answered.serverId,
                  epoch: answered.epoch,
                  chain: [...answered.chain],
                  by,
                },
                answers,
                ASK_MS,
              )
            : await ask(
                nc,
                subjects.inventory.install(term),
                inventoryInstall,
                stamp,
                { commandId, keyPack: answered.keyPack, by },
                answers,
                ASK_MS,
              );
        return type === inventoryRefused.type && 'code' in body
          ? { kind: 'refused', code: body.code, says: body.detail }
          : { kind: 'accepted' };
      } catch (error) {
        const fault = faultOf(error);
        if (!fault) throw error;
        return { kind: 'faulted', fault };
      }
    },
  };
};
