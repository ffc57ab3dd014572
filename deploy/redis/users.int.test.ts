// The permissions of each Redis user, tried on a real Redis: every command by every user, and foreign keys.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Redis } from 'ioredis';
import { oncePerFile, testRedis } from '@calbus/test-support/servers';
import { redisUsers } from './users.ts';

const passwords = { inventory: 'i'.repeat(43), operator: 'o'.repeat(43) };
// An additional user that may list the commands and users.
const users = [...redisUsers(passwords), 'auditor on >auditor ~* &* +@all'];
const server = oncePerFile(() => testRedis({ users }));
type Who = keyof typeof passwords;

const open = async (username: string, password: string): Promise<Redis & AsyncDisposable> => {
  const { port } = await server();
  const redis = new Redis(port, '127.0.0.1', {
    username,
    password,
    enableReadyCheck: false,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    lazyConnect: true,
  });
  redis.on('error', () => {});
  await redis.connect();
  return Object.assign(redis, { [Symbol.asyncDispose]: async () => redis.disconnect() });
};
const as = (who: Who): Promise<Redis & AsyncDisposable> => open(who, passwords[who]);

/** 'NOPERM' if the user lacks the permission; else Redis' answer, or the beginning of its error. */
const attempt = async (redis: Redis, command: string, ...args: string[]): Promise<string> => {
  try {
    return String(await redis.call(command, ...args));
  } catch (error) {
    return (error instanceof Error ? error.message : String(error)).split(' ', 1)[0] ?? '';
  }
};

/** Every command in Redis' own spelling, subcommands with a bar. */
const everyCommand = async (): Promise<string[]> => {
  await using auditor = await open('auditor', 'auditor');
  const listed = (await auditor.call('COMMAND', 'LIST')) as string[];
  const docs = (await auditor.call('COMMAND')) as unknown[][];
  const sub = docs.flatMap((d) => ((d[9] ?? []) as unknown[][]).map((s) => String(s[0])));
  return [...new Set([...listed, ...sub])].map((c) => c.toLowerCase()).toSorted();
};

/** The commands that Redis permits a user on a key of calbus. */
const mayCall = async (who: Who, commands: readonly string[]): Promise<Set<string>> => {
  await using auditor = await open('auditor', 'auditor');
  const allowed = new Set<string>();
  for (const command of commands) {
    const words = command.split('|');
    const filled = [...words, ...Array.from({ length: 8 }, () => 'cal:x')];
    for (let n = words.length; n <= filled.length; n += 1) {
      const answer = await attempt(auditor, 'ACL', 'DRYRUN', who, ...filled.slice(0, n));
      if (answer === 'OK') allowed.add(command);
    }
  }
  return allowed;
};

const dangerous = [
  ['flushall'],
  ['flushdb'],
  ['config', 'get', '*'],
  ['config', 'set', 'maxmemory', '1'],
  ['acl', 'list'],
  ['acl', 'setuser', 'operator', '+@all'],
  ['acl', 'whoami'],
  ['save'],
  ['bgsave'],
  ['shutdown', 'nosave'],
  ['replicaof', '127.0.0.1', '1'],
  ['monitor'],
  ['client', 'list'],
  ['client', 'pause', '1000'],
  ['client', 'kill', 'ID', '1'],
  ['module', 'list'],
  ['script', 'flush'],
  ['function', 'list'],
  ['keys', '*'],
  ['publish', 'cal:x', 'x'],
  ['subscribe', 'cal:x'],
  ['migrate', '127.0.0.1', '1', 'cal:x', '0', '1'],
  ['slowlog', 'get'],
  ['latency', 'latest'],
  ['memory', 'doctor'],
  ['cluster', 'info'],
  ['swapdb', '0', '1'],
  ['info'],
] as const;

const writes = [
  ['set', 'cal:x', '1'],
  ['hset', 'cal:head', 'sequence', '9'],
  ['del', 'cal:x'],
  ['unlink', 'cal:x'],
  ['expire', 'cal:x', '1'],
  ['rename', 'cal:x', 'cal:y'],
  ['eval', 'return redis.call("set", KEYS[1], "1")', '1', 'cal:x'],
  ['eval', 'return 1', '0'],
  ['evalsha', 'ffffffffffffffffffffffffffffffffffffffff', '0'],
  ['restore', 'cal:x', '0', 'x'],
  ['copy', 'cal:x', 'cal:y'],
] as const;

const foreign = [
  ['get', 'other'],
  ['set', 'other', '1'],
  ['hgetall', 'calx'],
  ['del', 'other'],
  ['rename', 'cal:x', 'other'],
  ['copy', 'other', 'cal:x'],
  ['eval', 'return redis.call("get", "other")', '0'],
  ['eval', 'return redis.call("set", KEYS[1], "1")', '1', 'other'],
] as const;

suite('permissions of the Redis users', () => {
  test('a missing name, a wrong password and the default user are refused', async () => {
    const { port } = await server();
    const nobody = new Redis(port, '127.0.0.1', { enableReadyCheck: false, retryStrategy: () => null });
    nobody.on('error', () => {});
    await assert.rejects(nobody.get('cal:head'), /NOAUTH/);
    nobody.disconnect();
    for (const [user, password] of [
      ['inventory', passwords.operator],
      ['default', ''],
      ['default', passwords.inventory],
      ['root', 'root'],
    ] as const)
      await assert.rejects(
        async () => {
          await using redis = await open(user, password);
          await redis.get('cal:head');
        },
        /WRONGPASS|NOAUTH|Connection is closed/,
        user,
      );
  });

  for (const who of ['inventory', 'operator'] as const) {
    test(`${who} may not administer the server`, async () => {
      await using redis = await as(who);
      for (const [command, ...args] of dangerous)
        assert.match(await attempt(redis, command, ...args), /^NOPERM/, [command, ...args].join(' '));
    });

    test(`${who} may not touch foreign keys`, async () => {
      await using redis = await as(who);
      for (const [command, ...args] of foreign)
        assert.match(await attempt(redis, command, ...args), /^(NOPERM|ERR)/, [command, ...args].join(' '));
      await using auditor = await open('auditor', 'auditor');
      assert.equal(await auditor.exists('other'), 0);
    });

    test(`of all commands that Redis has, ${who} may call commands that read or write data, and no administrator's command`, async () => {
      const commands = await everyCommand();
      assert.ok(commands.length > 200, `${commands.length} commands`);
      const allowed = await mayCall(who, commands);
      await using auditor = await open('auditor', 'auditor');
      const ofCategory = async (category: string): Promise<string[]> =>
        ((await auditor.call('ACL', 'CAT', category)) as string[]).map((c) => c.toLowerCase());
      const forbidden = [
        ...(await ofCategory('admin')),
        ...(await ofCategory('dangerous')),
        ...(await ofCategory('pubsub')),
        ...(who === 'operator' ? await ofCategory('write') : []),
      ];
      assert.deepEqual(
        forbidden.filter((c) => allowed.has(c)),
        [],
      );
      assert.ok(allowed.has('hgetall') && allowed.has('smembers'));
    });
  }

  test('the operator may not write', async () => {
    await using redis = await as('operator');
    for (const [command, ...args] of writes)
      assert.match(await attempt(redis, command, ...args), /^NOPERM/, [command, ...args].join(' '));
  });

  test('each user may do its work: inventory writes and clears counts, the operator reads them', async () => {
    await using inventory = await as('inventory');
    await using operator = await as('operator');
    const script = 'redis.call("HSET", KEYS[1], "sequence", ARGV[1]) return 1';
    assert.equal(await inventory.eval(script, 1, 'cal:head', '7'), 1);
    assert.deepEqual(await operator.hgetall('cal:head'), { sequence: '7' });
    assert.deepEqual((await inventory.scan('0', 'MATCH', 'cal:*'))[1], ['cal:head']);
    assert.equal(await inventory.unlink('cal:head'), 1);
  });
});
