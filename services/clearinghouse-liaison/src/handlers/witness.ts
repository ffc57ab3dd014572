// The liaison as a witness of the ledger: it keeps how far the leader's beacon says it is, and tells inventory, which asks
// before it leads.

import { liaisonWitness } from '@calbus/contracts/liaison-messages';
import { answerWith, type Answer } from '@calbus/runtime/responder';
import type { Inventory, Outlet, Store } from '../ports.ts';
import { superseded } from './superseded.ts';

/** One round; a head that is kept already is not written again. */
export const keepWitness = (
  store: Pick<Store, 'keepWitness'>,
  inventory: Pick<Inventory, 'head'>,
  now: () => number,
): (() => Promise<void>) => {
  let kept: string | undefined;
  return async () => {
    const head = inventory.head();
    if (!head || head.hash === kept) return;
    const { generation, sequence, hash, time } = head;
    store.keepWitness({ generation, sequence, hash, time }, now());
    kept = hash;
  };
};

export const witness = async (
  store: Pick<Store, 'witnesses' | 'activationRecorded' | 'activation' | 'newest'>,
  outlet: Pick<Outlet, 'isUp'>,
): Promise<Answer> =>
  answerWith(liaisonWitness, {
    seen: [...store.witnesses()],
    activated: store.activationRecorded(),
    link: outlet.isUp() ? 'up' : 'down',
    ...(superseded(store) ? { superseded: true } : {}),
  });
