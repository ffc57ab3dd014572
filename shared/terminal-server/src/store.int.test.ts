// The behaviour of every store, and the additional behaviour of the file store.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { fileStore } from './file-store.ts';
import { persistIn } from './persisted-state.ts';
import { memoryStore } from './memory-store.ts';
import { emptyState, type StoredState, type Store } from './store.ts';

const HOUR = 3_600_000;
const T = 1_790_000_000_000;
const dir = mkdtempSync(path.join(tmpdir(), 'calbus-store-'));
after(() => rmSync(dir, { recursive: true, force: true }));
let files = 0;
const newFile = (): string => path.join(dir, `kept-${(files += 1)}.json`);

const some = (latest = T): StoredState => ({
  ...emptyState('ts1'),
  grace: { startedAt: T, latest, endedByLicense: false },
  trust: {
    licenseServerId: 'unactivated',
    generation: 'g1',
    epoch: 0,
    issuing: [{ kid: 'k1', chain: ['-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n'] }],
    ended: [{ licenseId: 'l1', notAfter: T }],
    position: { generation: 'g1', sequence: 4 },
    settings: { graceDays: 30, perUserWhenUnreachable: 'refuse', renewalLeadDays: 5 },
  },
  epochs: { ABCDE12345ABCDE12345ABCDE12345ABCDE: { epoch: 2, since: T } },
  logOns: [{ licenseId: 'l2', hardwareId: '0'.repeat(40), requestId: 'r1' }],
});

const stores: readonly (readonly [string, () => Store])[] = [
  ['memory', memoryStore],
  ['file', () => fileStore(newFile())],
];
for (const [name, create] of stores) {
  describe(`the store in ${name}`, () => {
    test('has nothing at first', async () => assert.equal(await create().load(), undefined));
    test('returns the last saved state, not later changes of the object', async () => {
      const store = create();
      await store.save(emptyState('ts1'));
      const saved = some();
      await store.save(saved);
      saved.logOns.length = 0;
      assert.deepEqual(await store.load(), some());
      (await store.load())?.logOns.splice(0);
      assert.deepEqual(await store.load(), some());
    });
  });
}

describe('the file', () => {
  test('is one complete file that only its owner may read, with no temporary file left', async () => {
    const file = newFile();
    const store = fileStore(file);
    for (let n = 0; n < 20; n += 1) await store.save(some(T + n));
    assert.deepEqual(await fileStore(file).load(), some(T + 19));
    const name = path.basename(file);
    const there = readdirSync(dir).filter((f) => f.startsWith(name));
    assert.deepEqual(there.sort(), [name, `${name}.lock`]);
  });

  test('that is garbage is an error with advice, and stays unchanged', async () => {
    const whole = JSON.stringify(some());
    for (const text of [
      '',
      'junk',
      '[]',
      whole.slice(0, -3),
      whole.replace('"format":1', '"format":"9"'),
      whole.replace(`"startedAt":${T}`, '"startedAt":"x"'),
    ]) {
      const file = newFile();
      writeFileSync(file, text);
      await assert.rejects(fileStore(file).load(), (e: Error) => {
        assert.match(e.message, /is not the store of a terminal server .*Restore a copy.*grace period/s);
        return e.message.startsWith(file);
      });
      assert.equal(readFileSync(file, 'utf8'), text);
    }
  });

  test('of a later release is refused with advice, and stays unchanged', async () => {
    const text = JSON.stringify(some()).replace('"format":1', '"format":9');
    const file = newFile();
    writeFileSync(file, text);
    await assert.rejects(fileStore(file).load(), /has format 9, .*: use a later release\.$/);
    assert.equal(readFileSync(file, 'utf8'), text);
  });

  test('that cannot be read is reported', async () => {
    const folder = path.join(dir, 'folder');
    mkdirSync(folder);
    await assert.rejects(fileStore(folder).load(), /cannot be read \(EISDIR\)/);
  });

  test('serves one process: a second one is refused until the first releases it or is killed', async () => {
    const file = newFile();
    const holder = `
      const { fileStore } = await import(${JSON.stringify(new URL('file-store.ts', import.meta.url).href)});
      await fileStore(${JSON.stringify(file)}).load();
      console.log('held');
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', holder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    try {
      await once(child.stdout, 'data');
      await assert.rejects(fileStore(file).load(), /is in use by another process.*a file of its own/);
    } finally {
      child.kill('SIGKILL');
    }
    await ended;
    const [first, second] = [fileStore(file), fileStore(file)];
    await first.load();
    await assert.rejects(second.load(), /in use/);
    await first.close?.();
    assert.equal(await second.load(), undefined);
    await second.close?.();
  });

  test('in a missing folder is reported', async () => {
    await assert.rejects(fileStore(path.join(dir, 'none', 'kept.json')).load(), /none, which must exist/);
  });

  test('from before license servers had names is read', async () => {
    const file = newFile();
    const { named, ...before } = some();
    assert.deepEqual(named, {});
    writeFileSync(file, JSON.stringify(before));
    assert.deepEqual(await fileStore(file).load(), some());
  });

  test('is not confused with a half-written next file', async () => {
    const file = newFile();
    const store = fileStore(file);
    await store.save(some());
    writeFileSync(`${file}.next`, '{"format":1,');
    assert.deepEqual(await store.load(), some());
    await store.save(some(T + 1));
    assert.ok(!existsSync(`${file}.next`));
  });
});

describe('the persisted state', () => {
  test('is written one write at a time; callers during a write share the next one', async () => {
    const saves: StoredState[] = [];
    let writing = 0;
    const store: Store = {
      load: async () => undefined,
      save: async (k) => {
        assert.equal((writing += 1), 1, 'two writes at once');
        await new Promise(setImmediate);
        saves.push(k);
        writing -= 1;
      },
    };
    const keeping = persistIn(store, some());
    const all = Array.from({ length: 50 }, (_, n) => keeping.change(() => some(T + n + 1)));
    assert.deepEqual(new Set(await Promise.all(all)), new Set([true]));
    assert.deepEqual(saves.at(-1), some(T + 50));
    assert.ok(saves.length <= 3, `${saves.length} writes`);
  });

  test('reports a failed write, retries it, and is complete then', async () => {
    let full = true;
    const inner = memoryStore();
    const store: Store = {
      load: inner.load,
      save: async (k) => {
        if (full) throw new Error('no space left');
        await inner.save(k);
      },
    };
    const keeping = persistIn(store, emptyState('ts1'));
    assert.equal(await keeping.change(() => some()), false);
    assert.equal(keeping.unsaved(), 'no space left');
    assert.equal(keeping.now().grace?.startedAt, T);
    full = false;
    assert.equal(await keeping.write(), true);
    assert.equal(keeping.unsaved(), null);
    assert.deepEqual(await store.load(), some());
  });

  test('the latest time is written when it is an hour ahead of the written time', async () => {
    const store = memoryStore();
    const keeping = persistIn(store, some());
    await keeping.changeLazily(() => some(T + HOUR - 1));
    assert.equal(await store.load(), undefined);
    await keeping.changeLazily(() => some(T + HOUR));
    assert.deepEqual(await store.load(), some(T + HOUR));
  });
});
