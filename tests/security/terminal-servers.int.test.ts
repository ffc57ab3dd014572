// `calbus terminal-server` on a nats-server that is in use: who is admitted gets in, who is removed is out, and nobody else notices.

import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { subjects } from '@calbus/contracts/subjects';
import { prepareDeployment } from '@calbus/local/deployment';
import { eventually } from '@calbus/test-support/eventually';
import { oncePerFile } from '@calbus/test-support/servers';
import { startAdmissionHarness, type AdmissionHarness, type WatchedConnection } from './admission-harness.ts';

const site = oncePerFile(startAdmissionHarness);
const within = { withinMs: 60_000 };

/** Publishes into the request queue, one after the other, until it is told to stop; gives how many were stored, and how often one failed. */
const load = (ts: WatchedConnection, id: string) => {
  let goOn = true;
  const done = (async () => {
    const js = ts.nc.jetstream();
    let [stored, failed] = [0, 0];
    for (; goOn; await sleep(2)) {
      try {
        await js.publish(subjects.license.request(id), '{}', { timeout: 800 });
        stored += 1;
      } catch {
        failed += 1;
      }
    }
    return { stored, failed };
  })();
  return () => {
    goOn = false;
    return done;
  };
};

const errorOf = (ran: { readonly stdout: string }): string =>
  (JSON.parse(ran.stdout) as { error?: { code: string } }).error?.code ?? 'none';

type Listed = { id: string; publicKey: string; connected: boolean | null; lastHeard: number | null };
const listed = async (s: AdmissionHarness): Promise<Listed[]> =>
  (JSON.parse((await s.registrar('list', '--json')).stdout) as { terminalServers: Listed[] }).terminalServers;
const seedOf = (s: AdmissionHarness, id: string): string => s.deployment.seedFile({ terminalServer: id });

suite('terminal servers come and go while NATS runs', () => {
  test('under load one is admitted, works and is removed; the others lose no connection', async (t) => {
    const s = await site();
    const [ts1, ts2] = [
      await s.connectAs('ts1', seedOf(s, 'ts1')),
      await s.connectAs('ts2', seedOf(s, 'ts2')),
    ];
    const stops = [load(ts1, 'ts1'), load(ts2, 'ts2')];
    const seedFile = s.file('ts3.nk');
    const added = await s.registrar('add', 'ts3', '--out', seedFile);
    assert.equal(added.code, 0, added.stderr);
    assert.match(added.stdout, /Terminal server ts3 is admitted/);
    assert.equal(statSync(seedFile).mode & 0o777, 0o600);
    const seed = readFileSync(seedFile, 'utf8').trim();
    assert.ok(!added.stdout.includes(seed), 'the seed is in its file only');
    for (const name of ['terminal-servers.json', 'users.conf'])
      assert.ok(!readFileSync(path.join(s.deployment.admittedDir, name), 'utf8').includes(seed), name);

    const ts3 = await s.connectAs('ts3', seedFile);
    await ts3.nc.jetstream().publish(subjects.license.request('ts3'), '{}');
    const now = await listed(s);
    assert.deepEqual(
      now.map(({ id, connected }) => [id, connected]),
      [
        ['ts1', true],
        ['ts2', true],
        ['ts3', true],
      ],
    );

    const removed = await s.registrar('remove', 'ts3');
    assert.equal(removed.code, 0, removed.stderr);
    const why = await ts3.nc.closed();
    assert.match(String(why), /Authorization/i);
    await assert.rejects(s.connectAs('ts3', seedFile), /Authorization/i);
    assert.deepEqual(
      (await listed(s)).map(({ id }) => id),
      ['ts1', 'ts2'],
    );
    for (const stop of stops) {
      const { stored, failed } = await stop();
      t.diagnostic(`${stored} requests stored meanwhile, ${failed} to be sent again`);
      assert.ok(stored > 0);
    }
    assert.deepEqual([ts1.lost(), ts2.lost()], [0, 0]);
  });

  test('an identity made elsewhere is admitted by its public half; the same again changes nothing', async () => {
    const s = await site();
    const seedFile = s.file('elsewhere.nk');
    const made = await s.registrar('key', '--out', seedFile, '--json');
    const { publicKey } = JSON.parse(made.stdout) as { publicKey: string };
    const add = () => s.registrar('add', 'ts4', '--public-key', publicKey, '--json');
    const first = JSON.parse((await add()).stdout) as { already: boolean; publicKey: string };
    assert.deepEqual([first.already, first.publicKey], [false, publicKey]);
    const list = readFileSync(path.join(s.deployment.admittedDir, 'terminal-servers.json'), 'utf8');
    assert.equal((JSON.parse((await add()).stdout) as { already: boolean }).already, true);
    assert.equal(readFileSync(path.join(s.deployment.admittedDir, 'terminal-servers.json'), 'utf8'), list);
    await s.connectAs('ts4', seedFile);
    const byHand = await s.registrar('add', 'ts5', '--public-key', publicKey, '--json');
    assert.deepEqual([byHand.code, errorOf(byHand)], [1, 'KEY_TAKEN']);
    assert.equal((await s.registrar('remove', 'ts4')).code, 0);
  });

  test('with a configuration that cannot be read NATS keeps the one it has, and the command says so and puts the list back', async () => {
    const s = await site();
    const ts1 = await s.connectAs('ts1', seedOf(s, 'ts1'));
    const conf = path.join(s.dir, 'nats', 'nats.conf');
    const good = readFileSync(conf, 'utf8');
    const before = await listed(s);
    appendFileSync(conf, '\nbroken { [\n');
    try {
      const ran = await s.registrar('add', 'ts6', '--out', s.file('ts6.nk'));
      assert.equal(ran.code, 1);
      assert.match(
        ran.stderr,
        /NATS keeps the configuration that it has, and the list is as it was\. .*Parse error/,
      );
      assert.doesNotMatch(ran.stderr, /\n\s+at /);
      assert.equal(existsSync(s.file('ts6.nk')), false, 'no identity is left that nobody admitted');
    } finally {
      writeFileSync(conf, good);
    }
    assert.deepEqual(
      (await listed(s)).map(({ id }) => id),
      before.map(({ id }) => id),
    );
    assert.equal(ts1.lost(), 0);
    assert.equal((await s.registrar('add', 'ts6', '--out', s.file('ts6.nk'))).code, 0);
    assert.equal((await s.registrar('remove', 'ts6')).code, 0);
  });

  test("a service's own key cannot be admitted as a terminal server: NATS refuses it", async () => {
    const s = await site();
    const conf = readFileSync(path.join(s.dir, 'nats', 'nats.conf'), 'utf8');
    const issuer = /# issuer\s+\{ nkey: (U[A-Z2-7]+)/.exec(conf)?.[1] ?? assert.fail('no issuer');
    const ran = await s.registrar('add', 'ts7', '--public-key', issuer, '--json');
    assert.deepEqual([ran.code, errorOf(ran)], [1, 'RELOAD_REFUSED']);
    assert.match(ran.stdout, /Duplicate nkey/);
    assert.ok((await listed(s)).every(({ id }) => id !== 'ts7'));
  });

  test('a folder that NATS does not include is noticed, and nothing is admitted', async () => {
    const s = await site();
    const profile = JSON.parse(readFileSync(s.file('registrar.json'), 'utf8')) as {
      registrar: { folder: string };
    };
    const folder = s.file('another');
    prepareDeployment(s.file('other-deployment'), {}, folder);
    writeFileSync(
      s.file('wrong.json'),
      JSON.stringify({ ...profile, registrar: { ...profile.registrar, folder } }),
    );
    const ran = await s.calbus('wrong', 'terminal-server', 'add', 'ts8', '--out', s.file('ts8.nk'), '--json');
    assert.deepEqual([ran.code, errorOf(ran)], [1, 'NOT_TAKEN']);
    assert.equal(existsSync(s.file('ts8.nk')), false);
  });

  test('mistakes are told in a sentence, and change nothing', async () => {
    const s = await site();
    const before = readFileSync(path.join(s.deployment.admittedDir, 'terminal-servers.json'), 'utf8');
    const seed = readFileSync(seedOf(s, 'ts2'), 'utf8').trim();
    writeFileSync(s.file('there.nk'), 'kept');
    const mistakes: readonly (readonly [string, readonly string[]])[] = [
      ['BAD_ID', ['add', '../up', '--out', s.file('x.nk')]],
      ['BAD_ID', ['add', 'ts 9', '--out', s.file('x.nk')]],
      ['BAD_ID', ['remove', '>']],
      ['ID_TAKEN', ['add', 'ts1', '--out', s.file('x.nk')]],
      ['WHICH_KEY', ['add', 'ts9']],
      ['WHICH_KEY', ['add', 'ts9', '--out', s.file('x.nk'), '--public-key', 'U']],
      ['BAD_KEY', ['add', 'ts9', '--public-key', 'UNSINN']],
      ['BAD_KEY', ['add', 'ts9', '--public-key', seed]],
      ['FILE_EXISTS', ['add', 'ts9', '--out', s.file('there.nk')]],
      ['CANNOT_WRITE', ['add', 'ts9', '--out', s.file('no/such/folder/x.nk')]],
      ['UNKNOWN_TERMINAL_SERVER', ['remove', 'ts9']],
    ];
    for (const [code, args] of mistakes) {
      const ran = await s.registrar(...args, '--json');
      assert.deepEqual([ran.code, errorOf(ran)], [1, code], args.join(' '));
      assert.ok(
        !ran.stdout.includes(seed) && !ran.stderr.includes(seed),
        'a seed given by mistake is not repeated',
      );
    }
    for (const who of ['operator', 'observer']) {
      const ran = await s.calbus(who, 'terminal-server', 'remove', 'ts1', '--json');
      assert.deepEqual([ran.code, errorOf(ran)], [1, 'NOT_PERMITTED'], who);
    }
    const profile = JSON.parse(readFileSync(s.file('registrar.json'), 'utf8')) as {
      registrar: { seedFile: string };
    };
    const as = (seedFile: string, natsUrl: string): string =>
      JSON.stringify({ ...profile, natsUrl, registrar: { ...profile.registrar, seedFile } });
    writeFileSync(s.file('dead.json'), as(profile.registrar.seedFile, 'nats://127.0.0.1:1'));
    const dead = await s.calbus('dead', 'terminal-server', 'remove', 'ts1', '--json');
    assert.deepEqual([dead.code, errorOf(dead)], [1, 'UNREACHABLE']);
    writeFileSync(s.file('stranger.json'), as(s.file('elsewhere.nk'), s.url));
    const made = await s.registrar('key', '--out', s.file('stranger.nk'));
    assert.equal(made.code, 0);
    writeFileSync(s.file('stranger.json'), as(s.file('stranger.nk'), s.url));
    const stranger = await s.calbus('stranger', 'terminal-server', 'remove', 'ts1', '--json');
    assert.deepEqual([stranger.code, errorOf(stranger)], [1, 'NOT_PERMITTED']);
    assert.equal(readFileSync(path.join(s.deployment.admittedDir, 'terminal-servers.json'), 'utf8'), before);
    assert.equal(readFileSync(s.file('there.nk'), 'utf8'), 'kept');
    const ran = await s.calbus('dead', 'terminal-server', 'list', '--json');
    const { problem, terminalServers } = JSON.parse(ran.stdout) as {
      problem: string;
      terminalServers: Listed[];
    };
    assert.deepEqual([ran.code, problem], [0, 'UNREACHABLE']);
    assert.ok(terminalServers.every(({ connected }) => connected === null));
  });

  test('a command that is at it keeps others out, and one that was interrupted is told apart', async () => {
    const s = await site();
    const lock = path.join(s.deployment.admittedDir, 'terminal-servers.lock');
    writeFileSync(lock, '1\n');
    const ran = await s.registrar('remove', 'ts1');
    rmSync(lock);
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /try again.*delete .*terminal-servers\.lock/s);
  });

  test('whoever was removed stays out, and whoever was added stays in, when the deployment is prepared again', async () => {
    const s = await site();
    assert.equal((await s.registrar('add', 'ts10', '--out', s.file('ts10.nk'))).code, 0);
    assert.equal((await s.registrar('remove', 'ts2')).code, 0);
    const again = prepareDeployment(s.dir, {
      ts1: { mode: 'per-device', version: '2003' },
      ts2: { mode: 'per-user', version: '2003' },
    });
    assert.deepEqual(Object.keys(again.terminalServers), ['ts1']);
    const [node] = s.nodes;
    await node?.restart();
    await s.connectAs('ts10', s.file('ts10.nk'));
    await assert.rejects(s.connectAs('ts2', seedOf(s, 'ts2')), /Authorization/i);
  });
});

test('three nodes: admitted on all, removed on all, and a node that was away catches up', async () => {
  await using s = await startAdmissionHarness({ cluster: true });
  const ts1 = await s.connectAs('ts1', seedOf(s, 'ts1'), s.nodes[0]?.url);
  const seedFile = s.file('ts3.nk');
  const added = await s.registrar('add', 'ts3', '--out', seedFile, '--json');
  assert.equal(added.code, 0, added.stderr);
  const { nodes, silent } = JSON.parse(added.stdout) as { nodes: string[]; silent: number };
  assert.deepEqual([nodes.toSorted(), silent], [['n1', 'n2', 'n3'], 0]);
  const everywhere = await Promise.all(s.nodes.map((n) => s.connectAs('ts3', seedFile, n.url)));
  await everywhere[1]?.nc.jetstream().publish(subjects.license.request('ts3'), '{}', { timeout: 10_000 });

  const removed = await s.registrar('remove', 'ts3', '--json');
  assert.equal(removed.code, 0, removed.stdout);
  for (const { nc } of everywhere) assert.match(String(await nc.closed()), /Authorization/i);
  for (const n of s.nodes) await assert.rejects(s.connectAs('ts3', seedFile, n.url), /Authorization/i, n.url);
  assert.equal(ts1.lost(), 0);

  type Told = { nodes: string[]; silent: number };
  const [, , third] = s.nodes;
  await third?.kill();
  const meanwhile = await s.registrar('add', 'ts4', '--out', s.file('ts4.nk'), '--json');
  assert.equal(meanwhile.code, 0, meanwhile.stdout);
  const told = JSON.parse(meanwhile.stdout) as Told;
  assert.deepEqual([told.nodes.toSorted(), told.silent], [['n1', 'n2'], 1]);
  await third?.restart();
  await eventually(
    'the third node admits it',
    () => s.connectAs('ts4', s.file('ts4.nk'), third?.url),
    within,
  );
  const everyone = async (): Promise<Told> =>
    JSON.parse((await s.registrar('reload', '--json')).stdout) as Told;
  const all = { ...within, accept: (r: Told) => r.nodes.length === 3 && r.silent === 0 };
  await eventually('all three are told again', everyone, all);

  // One that stands still keeps its connections: then nobody is said to be gone.
  const atThird = await s.connectAs('ts4', s.file('ts4.nk'), third?.url);
  await third?.pause();
  const removing = await s.registrar('remove', 'ts4', '--json');
  third?.resume();
  assert.deepEqual([removing.code, errorOf(removing)], [1, 'NOT_ALL_NODES'], removing.stdout);
  await eventually('all three are told again', everyone, all);
  assert.match(String(await atThird.nc.closed()), /Authorization/i);
  assert.equal(ts1.lost(), 0);
});
