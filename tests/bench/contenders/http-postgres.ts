// What people build instead: a service over HTTP, and one transaction in PostgreSQL for each grant, which locks the pool's row.

import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import path from 'node:path';
import { Client } from 'pg';
import { repositoryRoot } from '@calbus/local/repository';
import { startService } from '@calbus/test-support/service-process';
import { testPostgres } from '@calbus/test-support/servers';
import { counted, type Books, type GrantingContender } from './contender.ts';
import { expectLicense, newRequest } from './grants.ts';

const TIMEOUT_MS = 120_000;

const post = (agent: Agent, port: number, body: Uint8Array): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const place = { host: '127.0.0.1', port, path: '/licenses', method: 'POST' };
    const outgoing = request({ ...place, agent, headers, timeout: TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        const answer = Buffer.concat(chunks);
        if (response.statusCode === 200) resolve(answer);
        else reject(new Error(`It answered ${response.statusCode}: ${answer.toString().slice(0, 200)}`));
      });
    });
    outgoing.once('timeout', () => outgoing.destroy(new Error(`No answer in ${TIMEOUT_MS / 1_000} s.`)));
    outgoing.once('error', reject);
    outgoing.end(body);
  });

/** PostgreSQL serves each connection by a process of its own. */
const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').map(Number);

const withClient = async <T>(url: string, ask: (client: Client) => Promise<T>): Promise<T> => {
  const client = new Client(url);
  await client.connect();
  try {
    return await ask(client);
  } finally {
    await client.end();
  }
};

const booksIn = (url: string): Promise<Books> =>
  withClient(url, async (client) => {
    const { rows } = await client.query<Books>(
      'select (select count(*)::int from licenses) as licenses, (select sum(issued)::int from pools) as counted',
    );
    const [books] = rows;
    if (!books) throw new Error('PostgreSQL counted nothing.');
    return books;
  });

/** A comparison with a database that does not wait for its disk would be worth nothing. */
const expectDurable = (url: string): Promise<void> =>
  withClient(url, async (client) => {
    for (const setting of ['fsync', 'synchronous_commit', 'full_page_writes']) {
      const { rows } = await client.query<{ value: string }>('select current_setting($1) as value', [
        setting,
      ]);
      if (rows[0]?.value !== 'on')
        throw new Error(`PostgreSQL runs with ${setting} = ${rows[0]?.value}: it must be on.`);
    }
  });

/** Installs PostgreSQL where it is missing and may be installed; rejects with what to do where not. */
export async function httpPostgres(): Promise<GrantingContender> {
  await using starting = new AsyncDisposableStack();
  const server = starting.use(await testPostgres());
  await expectDurable(server.url);
  const service = starting.use(
    await startService({
      main: path.join(repositoryRoot, 'tests/bench/contenders/http-postgres-service.ts'),
      env: { DATABASE_URL: server.url },
      ready: /^ready/,
    }),
  );
  const port = Number(service.stdout().split(' ')[1]);
  const agent = new Agent({ keepAlive: true, maxSockets: 1_024 });
  starting.defer(() => agent.destroy());
  const act = async (): Promise<void> => expectLicense(await post(agent, port, newRequest()));
  const owned = starting.move();
  return {
    name: 'HTTP + PostgreSQL',
    ...counted(act, () => booksIn(server.url)),
    processes: [
      { name: 'service', pid: service.pid },
      ...[server.pid, ...childrenOf(server.pid)].map((pid) => ({ name: 'postgres', pid })),
    ],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
