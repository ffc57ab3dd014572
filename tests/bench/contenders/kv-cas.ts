// What people build on NATS alone: a service that counts each grant by compare-and-set on one key, then writes the license.

import path from 'node:path';
import { repositoryRoot } from '@calbus/local/repository';
import { startService } from '@calbus/test-support/service-process';
import { natsOf } from './bare-nats.ts';
import { counted, type Books, type GrantingContender } from './contender.ts';
import { expectLicense, newRequest } from './grants.ts';
import { GRANT_SUBJECT, openBuckets, readPool } from './kv-buckets.ts';

const TIMEOUT_MS = 120_000;

export async function kvCas(): Promise<GrantingContender> {
  await using starting = new AsyncDisposableStack();
  const { server, nc } = await natsOf(starting);
  const service = starting.use(
    await startService({
      main: path.join(repositoryRoot, 'tests/bench/contenders/kv-cas-service.ts'),
      env: { NATS_URL: server.url },
      ready: /^ready/,
    }),
  );
  const { pools, licenses } = await openBuckets(nc);
  const books = async (): Promise<Books> => {
    const { values } = await licenses.status();
    return { licenses: values, counted: (await readPool(pools)).pool.issued };
  };
  const act = async (): Promise<void> => {
    const { data } = await nc.request(GRANT_SUBJECT, newRequest(), { timeout: TIMEOUT_MS });
    expectLicense(data);
  };
  const owned = starting.move();
  return {
    name: 'NATS KV compare-and-set',
    ...counted(act, books),
    processes: [
      { name: 'nats-server', pid: server.pid },
      { name: 'service', pid: service.pid },
    ],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
