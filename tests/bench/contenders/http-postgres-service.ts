// Grants licenses out of one pool in PostgreSQL, over HTTP; see http-postgres.ts.

import { generateKeyPairSync } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool, type PoolClient } from 'pg';
import { granted, newGrant, POOL_TOTAL, readRequest, refused, VERSION, type Request } from './grants.ts';

const CONNECTIONS = 20;

const tables = `
  create table pools (version text primary key, total integer not null, issued integer not null);
  create table licenses (
    id text primary key,
    device text not null unique,
    device_name text not null,
    user_name text,
    version text not null references pools,
    issued_at timestamptz not null,
    not_after timestamptz not null
  )`;

const database = new Pool({
  connectionString: process.env['DATABASE_URL'],
  max: CONNECTIONS,
  idleTimeoutMillis: 0,
});
database.on('error', (error) => console.error(error.message));
const key = generateKeyPairSync('ed25519').privateKey;

await database.query(tables);
await database.query('insert into pools values ($1, $2, 0)', [VERSION, POOL_TOTAL]);
// All are opened before the first request: none waits for a connection, and the database's processes are known.
const opened = await Promise.all(Array.from({ length: CONNECTIONS }, () => database.connect()));
for (const client of opened) client.release();

/** Everything of one grant, up to its commit. The names let PostgreSQL plan each statement once. */
const take = async (client: PoolClient, request: Request): Promise<Uint8Array> => {
  const locked = await client.query<{ total: number; issued: number }>({
    name: 'lock',
    text: 'select total, issued from pools where version = $1 for update',
    values: [request.version],
  });
  const [pool] = locked.rows;
  if (!pool || pool.issued >= pool.total) {
    await client.query('rollback');
    return refused(request);
  }
  const grant = newGrant();
  const { device, user, version } = request;
  await client.query({
    name: 'license',
    text: 'insert into licenses values ($1, $2, $3, $4, $5, $6, $7)',
    values: [
      grant.licenseId,
      device.hardwareId,
      device.name,
      user?.name,
      version,
      new Date(grant.issuedAt),
      new Date(grant.notAfter),
    ],
  });
  await client.query({
    name: 'count',
    text: 'update pools set issued = issued + 1 where version = $1',
    values: [version],
  });
  await client.query('commit');
  return granted(key, request, grant, pool.issued + 1);
};

const answer = async (request: Request): Promise<Uint8Array> => {
  const client = await database.connect();
  try {
    await client.query('begin');
    return await take(client, request);
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
};

const bodyOf = async (incoming: IncomingMessage): Promise<Uint8Array> => {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

const respond = async (incoming: IncomingMessage): Promise<{ status: number; body: Uint8Array | string }> => {
  try {
    const request = readRequest(await bodyOf(incoming));
    if (!request) return { status: 400, body: 'That is no request.' };
    return { status: 200, body: await answer(request) };
  } catch (error) {
    return { status: 500, body: error instanceof Error ? error.message : 'It failed.' };
  }
};

const server = createServer((incoming, response) => {
  void respond(incoming).then(({ status, body }) => {
    const type = status === 200 ? 'application/json' : 'text/plain';
    response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
    response.end(body);
  });
});
// A connection that rests between two loads stays open.
server.keepAliveTimeout = 0;
server.listen({ host: '127.0.0.1', port: 0, backlog: 1024 }, () =>
  console.log(`ready ${(server.address() as AddressInfo).port}`),
);
