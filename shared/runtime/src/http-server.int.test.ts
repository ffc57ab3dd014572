// The pages for health and metrics, asked by those who are slow, rude or many.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { after, describe, test } from 'node:test';
import { eventually } from '@calbus/test-support/eventually';
import { systemClock } from './clock.ts';
import { serveHttp, type Page } from './http-server.ts';
import type { Log } from './log.ts';
import { createMetrics } from './metrics.ts';
import { serveOperations } from './operations-server.ts';
import { createReadiness } from './readiness.ts';

type Line = { readonly text: string; readonly facts: Readonly<Record<string, unknown>> };

const keepLog = (): { readonly log: Log; readonly lines: Line[] } => {
  const lines: Line[] = [];
  const keep = (facts: object, text: string): void => void lines.push({ text, facts: { ...facts } });
  return { lines, log: { debug: () => {}, info: keep, warn: keep, error: keep } };
};

const end = new AbortController();
after(() => end.abort());
const clock = systemClock;
const { signal } = end;
const host = '127.0.0.1';
const within = { withinMs: 60_000 };

const portIn = (lines: readonly Line[]): Promise<number> =>
  eventually('it serves', () => lines.find((l) => l.text === 'serving health and metrics')?.facts['port'], {
    ...within,
    accept: (port) => typeof port === 'number',
  }) as Promise<number>;

const served = async (pages: Record<string, () => Page | Promise<Page>>) => {
  const { log, lines } = keepLog();
  const { close } = serveHttp({ host, port: 0, pages: new Map(Object.entries(pages)), log, clock, signal });
  const port = await portIn(lines);
  return { port, lines, url: `http://${host}:${port}`, [Symbol.asyncDispose]: close };
};

const ok = (): Page => ({ status: 200, type: 'text/plain', text: 'ok\n' });

/** Sends bytes as they are; everything that comes back until the other side closes. */
const raw = async (port: number, bytes: string | Buffer): Promise<string> => {
  const socket = connect(port, host);
  let got = '';
  socket.setEncoding('utf8').on('data', (text: string) => (got += text));
  socket.on('error', () => {});
  socket.write(bytes);
  await once(socket, 'close');
  return got;
};

describe('pages over HTTP', () => {
  test('are read by GET and HEAD; other methods, paths and queries do no harm', async () => {
    await using s = await served({ '/healthz': ok });
    const get = await fetch(`${s.url}/healthz?x=1`);
    assert.deepEqual([get.status, await get.text()], [200, 'ok\n']);
    assert.equal(get.headers.get('cache-control'), 'no-store');
    const head = await fetch(`${s.url}/healthz`, { method: 'HEAD' });
    assert.deepEqual([head.status, await head.text()], [200, '']);
    for (const path of [
      '/',
      '/healthz/',
      '/__proto__',
      '/constructor',
      '/%00',
      '/../etc/passwd',
      '//',
      '/healthz%',
    ]) {
      const answer = await fetch(`${s.url}${path}`);
      assert.equal(answer.status, 404, path);
      assert.match(await answer.text(), /There is no such page; there are \/healthz\./);
    }
    const post = await fetch(`${s.url}/healthz`, { method: 'POST', body: 'x'.repeat(200_000) }).catch(
      () => undefined,
    );
    // The answer may come before all of the body was sent, which not every client likes.
    assert.ok(post === undefined || post.status === 405);
    assert.equal((await fetch(`${s.url}/healthz`, { method: 'DELETE' })).status, 405);
  });

  test('a page that cannot be made is a 500 and a line in the log', async () => {
    await using s = await served({
      '/metrics': () => {
        throw new Error('no counts');
      },
    });
    const answer = await fetch(`${s.url}/metrics`);
    assert.equal(answer.status, 500);
    assert.doesNotMatch(await answer.text(), /no counts|at /);
    assert.ok(s.lines.some((l) => l.text === 'a page could not be made'));
  });

  for (const [what, bytes] of Object.entries({
    garbage: '\u0000\u0001\u0002 this is no HTTP\r\n\r\n',
    'a TLS greeting': Buffer.from([22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]),
    'headers without end': `GET / HTTP/1.1\r\nX: ${'x'.repeat(100_000)}`,
    'many headers': `GET / HTTP/1.1\r\nHost: x\r\n${'X: y\r\n'.repeat(5_000)}\r\n`,
    'no host': 'GET /healthz HTTP/1.1\r\n\r\n',
    'a length that is not a number': 'GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n',
    'two lengths':
      'POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx',
    'a tunnel': 'CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n',
  })) {
    test(`${what}: the connection ends, and the next is served`, async () => {
      await using s = await served({ '/healthz': ok });
      assert.doesNotMatch(await raw(s.port, bytes), /^HTTP\/1.1 200/);
      assert.equal((await fetch(`${s.url}/healthz`)).status, 200);
    });
  }

  test('clients that never finish their request are put out, and do not keep others from being served for ever', async () => {
    await using s = await served({ '/healthz': ok });
    const slow: Socket[] = Array.from({ length: 80 }, () => connect(s.port, host));
    for (const socket of slow) {
      socket.on('error', () => {});
      socket.write('GET /healthz HTTP/1.1\r\nHo');
    }
    await eventually(
      'one who asks is served',
      async () => (await fetch(`${s.url}/healthz`)).status === 200,
      within,
    );
    for (const socket of slow) if (!socket.resume().closed) await once(socket, 'close');
  });

  test('a port that is taken: the service is told, goes on, and serves once the port is free', async () => {
    const other = createServer((_request, response) => response.end('other'));
    other.listen(0, host);
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const { log, lines } = keepLog();
    const http = serveHttp({ host, port, pages: new Map([['/healthz', ok]]), log, clock, signal });
    await eventually('it says so', () => lines.some((l) => /cannot be served/.test(l.text)), within);
    assert.equal(await (await fetch(`http://${host}:${port}/`)).text(), 'other');
    other.closeAllConnections();
    other.close();
    assert.equal(await portIn(lines), port);
    assert.equal(await (await fetch(`http://${host}:${port}/healthz`)).text(), 'ok\n');
    await http.close();
  });

  test('closing ends connections that are open, and closing before the port was free ends the waiting', async () => {
    const s = await served({ '/healthz': ok });
    const socket = connect(s.port, host);
    socket.on('error', () => {});
    await once(socket, 'connect');
    const { log, lines } = keepLog();
    const waiting = serveHttp({ host, port: s.port, pages: new Map(), log, clock, signal });
    await eventually('the second waits for the port', () => lines.length > 0, within);
    await waiting.close();
    await s[Symbol.asyncDispose]();
    if (!socket.closed) await once(socket, 'close');
    await assert.rejects(fetch(`${s.url}/healthz`));
  });
});

describe('the three pages of a service', () => {
  test('say that it lives, whether it is ready and what waits, and what it counts', async () => {
    const { log, lines } = keepLog();
    const readiness = createReadiness('issuer', '0.1.0');
    const metrics = createMetrics();
    let wrong: string | undefined;
    readiness.needs('nats', () => wrong);
    const close = serveOperations({ host, port: 0, readiness, metrics, log, clock, signal });
    const at = `http://${host}:${await portIn(lines)}`;
    const ready = async (): Promise<[number, Record<string, unknown>]> => {
      const answer = await fetch(`${at}/readyz`);
      return [answer.status, (await answer.json()) as Record<string, unknown>];
    };
    assert.equal((await ready())[0], 503);
    readiness.enter('running');
    assert.equal((await ready())[0], 200);
    wrong = 'NATS is not connected.';
    const [status, report] = await ready();
    assert.equal(status, 503);
    assert.deepEqual(report['conditions'], {
      started: { holds: true, needed: true },
      nats: { holds: false, needed: true, says: wrong },
    });
    const alive = await fetch(`${at}/healthz`);
    assert.equal(alive.status, 200);
    const text = await eventually('the metrics say so', async () => (await fetch(`${at}/metrics`)).text(), {
      ...within,
      accept: (t) => /^calbus_ready 0$/m.test(t),
    });
    assert.match(text, /^calbus_condition\{condition="nats"\} 0$/m);
    assert.match(text, /^calbus_service_info\{service="issuer",version="0.1.0"\} 1$/m);
    assert.match(text, /^process_resident_memory_bytes \d/m);
    await close();
  });
});
