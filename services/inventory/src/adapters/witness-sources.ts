// Others who have seen the ledger: the head that Redis keeps, and the liaison, which hears the beacon.

import { once } from 'node:events';
import type { Redis } from 'ioredis';
import type { NatsConnection } from 'nats';
import { liaisonWitness, queryLiaisonWitness } from '@calbus/contracts/liaison-messages';
import { subjects } from '@calbus/contracts/subjects';
import { ledgerWitness } from '@calbus/contracts/witness';
import { sendRequest } from '@calbus/runtime/request';
import type { Clock } from '@calbus/runtime/clock';
import { newId } from '@calbus/runtime/ids';
import type { LiaisonLink, WitnessSource } from '../ports.ts';
import { readHead } from './cache-scripts.ts';

const WAIT_MS = 600;

export const redisWitness = (redis: Redis): WitnessSource => ({
  name: 'redis',
  ask: async () => {
    // At the start of the process the connection is on its way.
    if (redis.status !== 'ready') await once(redis, 'ready', { signal: AbortSignal.timeout(WAIT_MS) });
    const [generation, sequence, hash, at] = await readHead(redis);
    // Redis may be empty, and may hold anything: what is no head has seen nothing.
    const head = ledgerWitness.safeParse({ generation, sequence: Number(sequence), hash, time: Number(at) });
    return { seen: head.success && sequence !== null ? [head.data] : [], activated: false };
  },
});

export const liaisonAsWitness = (nc: NatsConnection, clock: Clock): WitnessSource & LiaisonLink => {
  const question = async () => {
    const subject = subjects.liaison.query('inventory', 'witness');
    const stamp = { id: newId(), sentAt: clock.now() };
    return (await sendRequest(nc, subject, queryLiaisonWitness, stamp, {}, [liaisonWitness], WAIT_MS)).body;
  };
  return {
    name: 'liaison',
    ask: question,
    superseded: async () => {
      const answer = await question().catch(() => undefined);
      return answer && answer.superseded === true;
    },
    look: async () => (await question().catch(() => undefined))?.link,
  };
};
