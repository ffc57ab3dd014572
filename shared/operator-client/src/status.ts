// The state of the whole license server in one answer. A part that does not answer is null.

import type { NatsConnection } from 'nats';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { requestsConsumer, streams } from '@calbus/contracts/streams';
import type { OperatorClient } from './client.ts';
import { readLiveCounts } from './live-counts.ts';
import { readLiaisonStatus, readReplicas, readTerminalServers } from './queries.ts';

const JETSTREAM_TIMEOUT_MS = 2_000;
const MAX_TERMINAL_SERVERS = 1_000;

const consumerInfo = z.object({
  num_pending: z.number(),
  num_ack_pending: z.number(),
  num_waiting: z.number(),
});
const streamInfo = z.object({ state: z.object({ messages: z.number() }) });

const askJetStream = async <T>(
  nc: NatsConnection,
  subject: string,
  shape: z.ZodType<T>,
): Promise<T | null> => {
  try {
    const { data } = await nc.request(`$JS.API.${subject}`, undefined, { timeout: JETSTREAM_TIMEOUT_MS });
    return shape.safeParse(JSON.parse(new TextDecoder().decode(data))).data ?? null;
  } catch {
    return null;
  }
};

export const orNull = async <T>(answer: Promise<T>): Promise<T | null> => {
  try {
    return await answer;
  } catch {
    return null;
  }
};

export const readStatus = async (operator: OperatorClient, redis: Redis) => {
  const { nc } = operator;
  const consumer = `CONSUMER.INFO.${requestsConsumer.stream}.${requestsConsumer.name}`;
  const [replicas, liaison, servers, queue, dead, live] = await Promise.all([
    readReplicas(operator),
    orNull(readLiaisonStatus(operator)),
    orNull(readTerminalServers(operator, { limit: MAX_TERMINAL_SERVERS })),
    askJetStream(nc, consumer, consumerInfo),
    askJetStream(nc, `STREAM.INFO.${streams.deadLetters.name}`, streamInfo),
    orNull(readLiveCounts(redis)),
  ]);
  const inventory =
    replicas.find((r) => r.role === 'leader') ?? replicas.find((r) => r.loss) ?? replicas[0] ?? null;
  return {
    nats: { server: nc.getServer(), version: nc.info?.version ?? '' },
    inventory,
    /** Every replica that answered, `inventory` included. */
    replicas,
    liaison,
    /** The number of terminal servers that asked or reported their status; at most 1,000 are counted. */
    terminalServers: servers && { known: servers.terminalServers.length, more: servers.more },
    queue: queue && {
      waiting: queue.num_pending,
      inHand: queue.num_ack_pending,
      pulls: queue.num_waiting,
    },
    deadLetters: dead?.state.messages ?? null,
    liveCounts: live?.head ?? null,
    redis: live === null ? ('unreachable' as const) : ('answers' as const),
  };
};

export type SystemStatus = Awaited<ReturnType<typeof readStatus>>;
