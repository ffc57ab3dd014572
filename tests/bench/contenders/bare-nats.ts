// The ceiling and the floor: what NATS itself takes for a request and its answer, and for one append that is on disk.

import path from 'node:path';
import { connect, type NatsConnection } from 'nats';
import { repositoryRoot } from '@calbus/local/repository';
import type { ManagedServer } from '@calbus/local/servers/managed-server';
import { startService } from '@calbus/test-support/service-process';
import { testNats } from '@calbus/test-support/servers';
import type { Contender } from './contender.ts';

const TIMEOUT_MS = 60_000;

/** A server in `owned`, and a connection of this process to it. */
export const natsOf = async (
  owned: AsyncDisposableStack,
): Promise<{ server: ManagedServer; nc: NatsConnection }> => {
  const server = owned.use(await testNats());
  const nc = await connect({ servers: server.url, reconnect: false });
  owned.defer(() => nc.close());
  return { server, nc };
};

/** Requests of these bytes, each answered with `answerBytes` bytes by a process of its own. Nothing is kept. */
export async function bareNats(request: Uint8Array, answerBytes: number): Promise<Contender> {
  await using starting = new AsyncDisposableStack();
  const { server, nc } = await natsOf(starting);
  const subject = 'bench.bare';
  const responder = starting.use(
    await startService({
      main: path.join(repositoryRoot, 'tests/bench/contenders/bare-nats-responder.ts'),
      env: { NATS_URL: server.url, SUBJECT: subject, ANSWER_BYTES: String(answerBytes) },
      ready: /^ready/,
    }),
  );
  const owned = starting.move();
  return {
    name: 'bare NATS',
    act: async () => {
      const { data } = await nc.request(subject, request, { timeout: TIMEOUT_MS });
      if (data.length !== answerBytes)
        throw new Error(`It answered ${data.length} bytes, not ${answerBytes}.`);
    },
    processes: [
      { name: 'nats-server', pid: server.pid },
      { name: 'responder', pid: responder.pid },
    ],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

export type AppendingContender = Contender & { readonly appended: () => Promise<number> };

/** Appends of these bytes to a stream on disk, each written through before it is acknowledged. */
export async function durableAppend(payload: Uint8Array): Promise<AppendingContender> {
  await using starting = new AsyncDisposableStack();
  const { server, nc } = await natsOf(starting);
  const [stream, subject] = ['APPENDS', 'bench.append'];
  const manager = await nc.jetstreamManager();
  await manager.streams.add({ name: stream, subjects: [subject], num_replicas: 1 });
  const js = nc.jetstream();
  const owned = starting.move();
  return {
    name: 'JetStream append',
    act: async () => {
      await js.publish(subject, payload, { timeout: TIMEOUT_MS });
    },
    appended: async () => (await manager.streams.info(stream)).state.messages,
    processes: [{ name: 'nats-server', pid: server.pid }],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
