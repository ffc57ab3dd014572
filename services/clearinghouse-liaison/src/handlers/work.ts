// The liaison's standing work, and what makes each part of it go at once.

import type { Clock } from '@calbus/runtime/clock';
import type { Log } from '@calbus/runtime/log';
import type { Inventory, KeyBucket, Outlet, Signer, Store } from '../ports.ts';
import { giveBack } from './give-back.ts';
import { handOver, prepare } from './hand-over.ts';
import { createKeyRound } from './issuing-keys.ts';
import { createOutbox } from './outbox.ts';
import { startRounds } from './rounds.ts';
import { keepWitness } from './witness.ts';

export type WorkDeps = {
  readonly store: Store;
  readonly signer: Signer;
  readonly bucket: KeyBucket;
  readonly inventory: Inventory;
  readonly outlet: Outlet;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
};

export type Work = {
  readonly taken: () => void;
  readonly linkUp: () => void;
  readonly answered: () => void;
  readonly ended: Promise<void>;
};

const OUTBOX_MS = 1_000;
const HAND_OVER_MS = 500;
const KEYS_MS = 5_000;
const WITNESS_MS = 1_000;

export const startWork = (d: WorkDeps): Work => {
  const { store, signer, bucket, inventory, outlet, clock, log } = d;
  const keyRound = createKeyRound({ store, signer, bucket, now: clock.now, log });
  const box = createOutbox(store, outlet, clock, log);
  const outbox = startRounds('outbox', OUTBOX_MS, box.round, d);
  const handing = { store, inventory, keysPublished: keyRound, now: clock.now, log };
  const taking = { store, signer, inventory, now: clock.now, onTaken: () => outbox.kick() };
  // One after the other: a withholding under way must not come after the word that its CALs are free again.
  const withInventory = async (): Promise<void> => {
    if (store.unprepared().length > 0) {
      await prepare(handing);
      outbox.kick();
    }
    await handOver(handing);
    giveBack(taking);
  };
  const handOvers = startRounds('hand-over', HAND_OVER_MS, withInventory, d);
  const keys = startRounds('issuing keys', KEYS_MS, keyRound, d);
  const witness = startRounds('witness', WITNESS_MS, keepWitness(store, inventory, clock.now), d);
  return {
    taken: () => {
      handOvers.kick();
      outbox.kick();
    },
    linkUp: () => {
      box.allDue();
      outbox.kick();
    },
    answered: handOvers.kick,
    ended: Promise.all([outbox, handOvers, keys, witness].map((rounds) => rounds.ended)).then(() => {}),
  };
};
