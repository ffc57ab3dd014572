// Whoever connects while nats-server reads its configuration again gets through, and a stranger is told that it is one. Of several
// servers one that is silent is passed over, and where one goes away another is taken.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { nkeyAuthenticator } from 'nats';
import { createUser } from 'nkeys.js';
import { identities } from '@calbus/contracts/identities';
import { eventually } from '@calbus/test-support/eventually';
import { testNats } from '@calbus/test-support/servers';
import { natsConfig } from '../../../deploy/nats/config.ts';
import { ensureKeys, seedFile } from '../../../deploy/nats/keys.ts';
import { connectNats } from './nats-connection.ts';

const RELOADS = 20;
const AT_ONCE = 4;

test('connections made while the configuration is read again and again', async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'calbus-keys-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const keys = ensureKeys(directory, []);
  const server = await testNats({ config: (place) => natsConfig({ ...place, syncAlways: true, keys }) });
  t.after(() => server[Symbol.asyncDispose]());
  const connect = (seed: Uint8Array) =>
    connectNats([server.url], {
      authenticator: nkeyAuthenticator(seed),
      inboxPrefix: identities.operator.inbox,
      reconnect: false,
    });

  await t.test('the operator gets through each time', async () => {
    const operator = new TextEncoder().encode(readFileSync(seedFile(directory, 'operator'), 'utf8').trim());
    for (let reloads = 0; reloads < RELOADS; reloads += 1) {
      process.kill(server.pid, 'SIGHUP');
      const connected = await Promise.all(Array.from({ length: AT_ONCE }, () => connect(operator)));
      await Promise.all(connected.map((nc) => nc.close()));
    }
  });
  await t.test('a stranger does not', () =>
    assert.rejects(connect(createUser().getSeed()), { code: 'AUTHORIZATION_VIOLATION' }),
  );
});

test('one that accepts connections and says nothing is passed over; another takes the place of one that goes away', async () => {
  await using silent = await testNats();
  await using a = await testNats();
  await using b = await testNats();
  const servers = [silent.url, a.url, b.url];
  await silent.pause();
  const nc = await connectNats(servers, { maxReconnectAttempts: 5, reconnectTimeWait: 100 });
  try {
    const port = nc.info?.port;
    const [taken, other] = port === a.port ? [a, b] : [b, a];
    assert.equal(port, taken.port);
    await taken.kill();
    await eventually('the other is taken', () => nc.info?.port === other.port, { withinMs: 15_000 });
    await nc.flush();
  } finally {
    await nc.close();
    silent.resume();
  }
});
