// Keeps the issuing keys current, and the bucket equal to what is kept here.

import type { Log } from '@calbus/runtime/log';
import { planKeys, type IssuingKey } from '../domain/issuing-keys.ts';
import type { IssuingKeys, KeyBucket, Signer, Store } from '../ports.ts';

export type KeyRotationDeps = {
  readonly store: Store;
  readonly signer: Signer;
  readonly bucket: KeyBucket;
  readonly now: () => number;
  readonly log: Log;
};

const published = (listed: readonly IssuingKey[]): IssuingKeys => ({
  keys: listed.slice(0, 64).map((k) => ({
    kid: k.kid,
    chain: [...k.chain],
    notBefore: k.notBefore,
    notAfter: k.notAfter,
    sealed: k.sealed,
  })),
});

/** Gives a function that makes a key where one is due, and puts the list where it differs. Rejects where the bucket cannot be reached. */
export const createKeyRotation = (d: KeyRotationDeps): (() => Promise<void>) => {
  let running: Promise<void> = Promise.resolve();
  const round = async (): Promise<void> => {
    const activation = d.store.activation();
    const epoch = activation?.epoch ?? 0;
    const certificate = activation && d.signer.certificateOf(activation);
    let plan = planKeys(d.store.keys(), epoch, d.now(), certificate);
    if (plan.renew) {
      const key = await d.signer.newIssuingKey(activation, d.now());
      d.store.addKey(key);
      d.log.info({ kid: key.kid, epoch, notAfter: key.notAfter }, 'new issuing key');
      plan = planKeys(d.store.keys(), epoch, d.now(), certificate);
    }
    d.store.pruneKeys(plan.listed, plan.dropped);
    const wanted = published(plan.listed);
    const there = await d.bucket.read();
    if (JSON.stringify(there) === JSON.stringify(wanted)) return;
    await d.bucket.write(wanted);
    d.log.info({ keys: wanted.keys.length }, 'issuing keys published');
  };
  return () => {
    // One at a time: two would make two keys.
    const next = running.then(round);
    running = next.catch(() => {});
    return next;
  };
};
