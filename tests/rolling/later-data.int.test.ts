// Data of a later release is refused in a sentence, by the earlier release and by this one: each store has its number raised.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { connect, nkeyAuthenticator, type NatsConnection } from 'nats';
import { identities } from '@calbus/contracts/identities';
import { NO_HASH } from '@calbus/contracts/ledger';
import { subjects } from '@calbus/contracts/subjects';
import { readSecret } from '@calbus/operator-client/profile';
import { emptyState } from '@calbus/terminal-server/store';
import { runMain, type CommandResult } from '@calbus/test-support/command';
import { startService } from '@calbus/test-support/service-process';
import { testNats, testRedis } from '@calbus/test-support/servers';
import { earlier, importFrom, unpackEarlierRelease } from './earlier-release.ts';
import {
  currentRelease,
  earlierRelease,
  type Deployment,
  type Release,
  type ServerUrls,
  type ServiceName,
} from './release.ts';

const REFUSAL_TIMEOUT_MS = 30_000;
const LATER = 99;
const stack = new AsyncDisposableStack();
const dataDir = mkdtempSync(path.join(tmpdir(), 'calbus-later-'));
stack.defer(() => rmSync(dataDir, { recursive: true, force: true }));
/** No server listens there: a service that refuses its data never connects. */
const nowhere: ServerUrls = {
  nats: { url: 'nats://127.0.0.1:9' },
  redis: { url: 'redis://127.0.0.1:9' },
  rabbitmq: { url: 'amqp://127.0.0.1:9' },
};
const releases = new Map<string, Release>();
let earlierRoot: string;
let deployment: Deployment;

before(
  async () => {
    const unpacked = stack.use(await unpackEarlierRelease(console.log));
    earlierRoot = unpacked.root;
    releases.set(earlier.version, await earlierRelease(earlierRoot)).set(currentRelease.name, currentRelease);
    deployment = currentRelease.prepare(dataDir, { ts1: { mode: 'per-device', version: '2003' } });
    mkdirSync(path.dirname(deployment.rootFile), { recursive: true });
    writeFileSync(deployment.rootFile, 'no certificate is checked here');
  },
  { timeout: 120_000 },
);
after(() => stack.disposeAsync());

const releaseOf = (name: string): Release => releases.get(name) ?? assert.fail();

const runWith = (
  release: Release,
  service: ServiceName,
  dir: string,
  urls: ServerUrls,
): Promise<CommandResult> =>
  runMain(release.mainOf(service), [], {
    ...release.environment(service, deployment, urls),
    CALBUS_DATA_DIR: dir,
  });

const databaseOfLaterRelease = (name: string): string => {
  const dir = mkdtempSync(path.join(dataDir, 'database-'));
  const db = new DatabaseSync(path.join(dir, name));
  db.exec(`PRAGMA user_version = ${LATER}`);
  db.close();
  return dir;
};

for (const name of [earlier.version, currentRelease.name])
  describe(name, () => {
    const databases = [
      ['clearinghouse', 'clearinghouse.sqlite'],
      ['clearinghouse-liaison', 'liaison.sqlite'],
    ] as const;
    for (const [service, file] of databases)
      test(`the database of ${service}`, async () => {
        const dir = databaseOfLaterRelease(file);
        const { code, stdout, stderr } = await runWith(releaseOf(name), service, dir, nowhere);
        assert.equal(code, 1, stdout + stderr);
        assert.match(
          stdout + stderr,
          /sqlite was made by a later release of calbus; start that release instead/,
        );
      });

    test("the vendor's command, on the Clearinghouse's database", async () => {
      const dir = databaseOfLaterRelease('clearinghouse.sqlite');
      const { code, stdout, stderr } = await runMain(releaseOf(name).clearinghouse, [
        'servers',
        '--data',
        dir,
      ]);
      assert.equal(code, 1, stdout + stderr);
      assert.match(stdout + stderr, /was made by a later release of calbus/);
    });

    test('a backup', async () => {
      const file = path.join(mkdtempSync(path.join(dataDir, 'backup-')), 'backup');
      const passphrase = path.join(dataDir, 'passphrase');
      writeFileSync(passphrase, 'correct horse battery\n');
      type Writer = {
        writeSealed: (f: string, p: string, l: AsyncIterable<string>, n: number) => Promise<void>;
      };
      const { writeSealed } = await importFrom<Writer>(earlierRoot, 'backupFile');
      // oxlint-disable-next-line require-yield -- a backup without a line
      const lines = (async function* (): AsyncGenerator<string> {})();
      await writeSealed(file, 'correct horse battery', lines, LATER);
      const args = ['backup', 'verify', file, '--passphrase-file', passphrase];
      const { code, stdout, stderr } = await runMain(releaseOf(name).calbus, args);
      assert.equal(code, 1, stdout + stderr);
      assert.match(stdout + stderr, /has format 99.*use a later (release|version)/);
    });

    test("a terminal server's store", async () => {
      const file = path.join(mkdtempSync(path.join(dataDir, 'store-')), 'ts1.json');
      writeFileSync(file, JSON.stringify({ ...emptyState('ts1'), format: LATER }));
      const store = releaseOf(name).openStore(file);
      const says =
        name === earlier.version
          ? /is not what a terminal server keeps \(format/
          : /has format 99.*use a later release/;
      await assert.rejects(store.load(), says);
      await store.close?.();
    });

    test('the list of admitted terminal servers', () => {
      const folder = mkdtempSync(path.join(dataDir, 'admitted-'));
      writeFileSync(
        path.join(folder, 'terminal-servers.json'),
        JSON.stringify({ format: LATER, terminalServers: {} }),
      );
      const says =
        name === earlier.version ? /is not a list of terminal servers/ : /has format 99.*use a later release/;
      assert.throws(() => releaseOf(name).readAdmissionList(folder), says);
    });
  });

describe('on NATS and Redis', () => {
  let urls: ServerUrls;
  let nc: NatsConnection;
  before(
    async () => {
      const { nats, redis } = deployment.configuration;
      const server = stack.use(await testNats(nats));
      urls = { ...nowhere, nats: server, redis: stack.use(await testRedis(redis)) };
      await currentRelease.provision(server.url, deployment);
      const seed = readSecret(deployment.seedFile('inventory-ledger'));
      nc = await connect({
        servers: server.url,
        authenticator: nkeyAuthenticator(new TextEncoder().encode(seed)),
        inboxPrefix: identities['inventory-ledger'].inbox,
      });
      stack.defer(() => nc.close());
    },
    { timeout: 60_000 },
  );

  test('the file with the head of the ledger', async () => {
    const dir = mkdtempSync(path.join(dataDir, 'witness-'));
    writeFileSync(path.join(dir, 'ledger-witness.json'), JSON.stringify({ format: LATER }));
    const { code, stdout, stderr } = await runWith(currentRelease, 'inventory', dir, urls);
    assert.equal(code, 1, stdout + stderr);
    assert.match(stdout + stderr, /ledger-witness\.json has format 99.*use a later release/);
  });

  const snapshot = {
    format: LATER,
    foldVersion: LATER,
    generation: 'g',
    sequence: 1,
    hash: NO_HASH,
    term: 1,
    time: 1,
    digest: NO_HASH,
    pieces: 1,
    bytes: 1,
    writtenBy: 'r',
    countersignedBy: [],
    disputedBy: [],
  };
  const batch = {
    format: LATER,
    generation: 'g',
    term: 1,
    nonce: 'n',
    prevHash: NO_HASH,
    at: 1,
    records: [{ kind: 'generation-started' }],
  };
  test('a snapshot is not used, and no replica leads or skips a batch', async () => {
    await nc.jetstream().publish(subjects.snapshot.manifest(0), JSON.stringify(snapshot));
    await nc.jetstream().publish(subjects.ledger, JSON.stringify(batch));
    for (const [name, release] of releases) {
      const dir = mkdtempSync(path.join(dataDir, 'inventory-'));
      await using inventory = await startService({
        main: release.mainOf('inventory'),
        env: { ...release.environment('inventory', deployment, urls), CALBUS_DATA_DIR: dir },
        ready: /the ledger was written by a later version of calbus from 1 on/,
        readyWithinMs: REFUSAL_TIMEOUT_MS,
      });
      const log = inventory.lines().join('\n');
      assert.match(log, /its format is 99.*a snapshot is not used/, name);
      assert.doesNotMatch(log, /"msg":"leading"|VOID_RECORD/, name);
    }
  });
});
