// Inventory as the liaison sees it: the leader's beacon, and the two commands that are the liaison's.

import type { NatsConnection } from 'nats';
import { decode } from '@calbus/contracts/envelope';
import { faultOf } from '@calbus/contracts/faults';
import {
  inventoryAccepted,
  inventoryActivation,
  inventoryHead,
  inventoryInstall,
  inventoryRefused,
} from '@calbus/contracts/inventory-messages';
import { subjects } from '@calbus/contracts/subjects';
import { ask } from '@calbus/runtime/ask';
import type { Clock } from '@calbus/runtime/clock';
import { deliveredByJetStream } from '@calbus/runtime/delivered';
import { newId } from '@calbus/runtime/ids';
import { errorFacts, type Log } from '@calbus/runtime/log';
import type { Head, Inventory, Recorded } from '../ports.ts';

const ASK_MS = 5_000;
/** A leader that has been silent so long leads no more; a lower term after it is a new life of the ledger. */
const SILENT_MS = 2_000;
const answers = [inventoryAccepted, inventoryRefused] as const;

export const natsInventory = (nc: NatsConnection, clock: Clock, log: Log): Inventory => {
  let heard: { head: Head; at: number } | undefined;
  nc.subscribe(subjects.inventory.head, {
    callback: (error, msg) => {
      if (error) {
        log.error(errorFacts(error), 'the beacon cannot be heard');
        return;
      }
      const decoded = decode([inventoryHead], msg.data);
      if (!decoded.ok || deliveredByJetStream(msg)) return;
      const head = decoded.message.body;
      const at = clock.monotonic();
      if (!heard || head.term >= heard.head.term || at - heard.at > SILENT_MS) heard = { head, at };
    },
  });
  return {
    head: () => heard?.head,
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
