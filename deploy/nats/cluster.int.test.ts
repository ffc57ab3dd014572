// Three nodes with rendered configurations: every stream has three copies, and acknowledged messages survive the loss of the leading node.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { connect, nkeyAuthenticator } from 'nats';
import { identities } from '@calbus/contracts/identities';
import { streams } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import { eventually } from '@calbus/test-support/eventually';
import { testNatsCluster } from '@calbus/test-support/servers';
import { natsConfig } from './config.ts';
import { ensureKeys, seedFile } from './keys.ts';
import { provision } from './provision.ts';

test('three nodes keep acknowledged messages when the leading node is killed, and accept it again', async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'calbus-keys-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const keys = ensureKeys(directory, ['ts1']);
  const seed = (role: 'provisioner' | 'provisioner-ledger' | 'inventory-ledger'): string =>
    readFileSync(seedFile(directory, role), 'utf8').trim();
  await using cluster = await testNatsCluster({
    config: (place) => natsConfig({ ...place, syncAlways: true, keys }),
  });
  const servers = cluster.url.split(',');
  assert.equal(servers.length, 3);
  const seeds = { provisioner: seed('provisioner'), 'provisioner-ledger': seed('provisioner-ledger') };
  await provision({ servers, seeds, replicas: 3, say: () => {} });

  const nc = await connect({
    servers,
    authenticator: nkeyAuthenticator(new TextEncoder().encode(seed('inventory-ledger'))),
    inboxPrefix: identities['inventory-ledger'].inbox,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
  });
  t.after(() => nc.close());
  assert.deepEqual(nc.info?.connect_urls ?? [], [], 'a node does not advertise addresses');
  const jsm = await nc.jetstreamManager({ checkAPI: false, timeout: 1_000 });
  const js = nc.jetstream();
  const info = () => jsm.streams.info(streams.ledger.name);
  for (const { name } of [streams.ledger, streams.leader])
    assert.equal((await jsm.streams.info(name)).config.num_replicas, 3, name);

  for (let n = 1; n <= 5; n += 1) await js.publish(subjects.ledger, `before ${n}`);
  const led = (await info()).cluster?.leader ?? '';
  const node = cluster.nodes[Number(led.slice(1)) - 1] ?? assert.fail(`no node is called ${led}`);
  await node.kill();
  const from = performance.now();
  const { seq } = await eventually(
    'another node leads the ledger',
    () => js.publish(subjects.ledger, 'after', { timeout: 1_000 }),
    { withinMs: 30_000, everyMs: 100 },
  );
  t.diagnostic(
    `${led} killed; the next append was acknowledged after ${Math.round(performance.now() - from)} ms`,
  );
  assert.ok(seq >= 6);
  // Right after the loss JetStream may report for a moment that it is unavailable.
  const stored = (seq: number): Promise<string> =>
    eventually(
      `message ${seq}`,
      async () => (await jsm.streams.getMessage(streams.ledger.name, { seq })).string(),
      { withinMs: 30_000, everyMs: 200 },
    );
  for (let n = 1; n <= 5; n += 1) assert.equal(await stored(n), `before ${n}`);
  await node.restart();
  await eventually(
    'all three are current again',
    async () => (await info()).cluster?.replicas?.every((r) => r.current && !r.offline),
    { withinMs: 30_000, everyMs: 200 },
  );
});

test('an invalid secret or name is refused before any file is written', () => {
  const keys = ensureKeys(mkdtempSync(path.join(tmpdir(), 'calbus-keys-')), []);
  const cluster = { node: 'n1', host: '127.0.0.1', port: 1, routes: ['127.0.0.1:1'], secret: 'x'.repeat(16) };
  const render = (change: Partial<typeof cluster>): string =>
    natsConfig({
      host: '127.0.0.1',
      port: 2,
      storeDir: '/nowhere',
      syncAlways: true,
      keys,
      cluster: { ...cluster, ...change },
    });
  assert.match(render({}), /no_advertise: true/);
  assert.throws(() => render({ secret: 'short' }), /16 letters/);
  assert.throws(() => render({ secret: 'with a "quote" in it' }), /16 letters/);
  assert.throws(() => render({ node: 'n 1' }), /name of a node/);
});
