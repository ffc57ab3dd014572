// Grants licenses out of one key-value pool; see kv-cas.ts.

import { generateKeyPairSync } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'nats';
import { jetStreamErrorOf } from '@calbus/runtime/jetstream-error';
import { granted, newGrant, readRequest, refused } from './grants.ts';
import { GRANT_SUBJECT, openBuckets, readPool, WRONG_LAST_SEQUENCE, writePool } from './kv-buckets.ts';

const MOST_TRIES = 300;
/** Whoever lost waits so long at most, at random and twice as long each time: without it the many in flight undo each other. */
const LONGEST_WAIT_MS = 512;

const nc = await connect({ servers: process.env['NATS_URL'] ?? '' });
const { pools, licenses } = await openBuckets(nc);
const key = generateKeyPairSync('ed25519').privateKey;

/** Which grant of the pool this is, or undefined where the pool is empty. */
const take = async (): Promise<number | undefined> => {
  for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
    const { pool, revision } = await readPool(pools);
    if (pool.issued >= pool.total) return undefined;
    try {
      await writePool(pools, { ...pool, issued: pool.issued + 1 }, revision);
      return pool.issued + 1;
    } catch (error) {
      if (jetStreamErrorOf(error)?.errCode !== WRONG_LAST_SEQUENCE) throw error;
      await sleep(Math.random() * Math.min(LONGEST_WAIT_MS, 2 ** tries));
    }
  }
  throw new Error(`Others were faster ${MOST_TRIES} times.`);
};

const answer = async (bytes: Uint8Array): Promise<Uint8Array> => {
  const request = readRequest(bytes);
  if (!request) throw new Error('That is no request.');
  const sequence = await take();
  if (sequence === undefined) return refused(request);
  const grant = newGrant();
  await licenses.create(
    request.device.hardwareId,
    JSON.stringify({ ...grant, version: request.version, device: request.device }),
  );
  return granted(key, request, grant, sequence);
};

nc.subscribe(GRANT_SUBJECT, {
  queue: 'service',
  callback: (_error, message) => {
    answer(message.data).then(
      (bytes) => message.respond(bytes),
      (error: unknown) => message.respond(error instanceof Error ? error.message : 'It failed.'),
    );
  },
});
await nc.flush();
console.log('ready');
