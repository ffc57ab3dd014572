// The liaison as a witness of the ledger: it records the head in the leader's heartbeat, and inventory asks for it
// before it leads.

import { liaisonWitness } from '@calbus/contracts/liaison-messages';
import { answerWith, type Answer } from '@calbus/runtime/responder';
import type { Inventory, CommandLink, Store } from '../ports.ts';
import { hasNewerCopy } from './clone-detection.ts';

/** Returns a job that does not write a head a second time. */
export const createWitnessRecorder = (
  store: Pick<Store, 'recordWitness'>,
  inventory: Pick<Inventory, 'head'>,
  now: () => number,
): (() => Promise<void>) => {
  let kept: string | undefined;
  return async () => {
    const head = inventory.head();
    if (!head || head.hash === kept) return;
    const { generation, sequence, hash, time } = head;
    store.recordWitness({ generation, sequence, hash, time }, now());
    kept = hash;
  };
};

export const witness = async (
  store: Pick<Store, 'witnesses' | 'activationRecorded' | 'activation' | 'newestCommands'>,
  outlet: Pick<CommandLink, 'isUp'>,
): Promise<Answer> =>
  answerWith(liaisonWitness, {
    seen: [...store.witnesses()],
    activated: store.activationRecorded(),
    link: outlet.isUp() ? 'up' : 'down',
    ...(hasNewerCopy(store) ? { superseded: true } : {}),
  });
