// The liaison's standing work, and what makes each part of it go at once.

import type { Clock } from '@calbus/runtime/clock';
import type { Log } from '@calbus/runtime/log';
import type { Inventory, KeyBucket, CommandLink, Signer, Store } from '../ports.ts';
import { returnRefusedPacks } from './pack-returns.ts';
import { deliverAnswers, prepareCommands } from './answer-delivery.ts';
import { createKeyRotation } from './key-rotation.ts';
import { createOutbox } from './outbox.ts';
import { startPeriodicJob } from './periodic.ts';
import { createWitnessRecorder } from './witness.ts';

export type JobDeps = {
  readonly store: Store;
  readonly signer: Signer;
  readonly bucket: KeyBucket;
  readonly inventory: Inventory;
  readonly outlet: CommandLink;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
};

export type Jobs = {
  readonly commandAccepted: () => void;
  readonly linkUp: () => void;
  readonly answerApplied: () => void;
  readonly ended: Promise<void>;
};

const OUTBOX_INTERVAL_MS = 1_000;
const DELIVERY_INTERVAL_MS = 500;
const KEY_ROTATION_INTERVAL_MS = 5_000;
const WITNESS_INTERVAL_MS = 1_000;

export const startJobs = (d: JobDeps): Jobs => {
  const { store, signer, bucket, inventory, outlet, clock, log } = d;
  const keyRound = createKeyRotation({ store, signer, bucket, now: clock.now, log });
  const box = createOutbox(store, outlet, clock, log);
  const outbox = startPeriodicJob('outbox', OUTBOX_INTERVAL_MS, box.sendDue, d);
  const handing = { store, inventory, keysPublished: keyRound, now: clock.now, log };
  const taking = { store, signer, inventory, now: clock.now, onAccepted: () => outbox.trigger() };
  // One after the other: a withholding under way must not come after the word that its CALs are free again.
  const withInventory = async (): Promise<void> => {
    if (store.unpreparedCommands().length > 0) {
      await prepareCommands(handing);
      outbox.trigger();
    }
    await deliverAnswers(handing);
    returnRefusedPacks(taking);
  };
  const handOvers = startPeriodicJob('hand-over', DELIVERY_INTERVAL_MS, withInventory, d);
  const keys = startPeriodicJob('issuing keys', KEY_ROTATION_INTERVAL_MS, keyRound, d);
  const witness = startPeriodicJob(
    'witness',
    WITNESS_INTERVAL_MS,
    createWitnessRecorder(store, inventory, clock.now),
    d,
  );
  return {
    commandAccepted: () => {
      handOvers.trigger();
      outbox.trigger();
    },
    linkUp: () => {
      box.resetRetries();
      outbox.trigger();
    },
    answerApplied: handOvers.trigger,
    ended: Promise.all([outbox, handOvers, keys, witness].map((rounds) => rounds.ended)).then(() => {}),
  };
};
