import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { z } from 'zod';
import { amqpConfig } from './amqp.ts';
import { certificateFile, commonConfig, readConfig, checkTlsConsistency } from './config.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'calbus-config-'));
after(() => rmSync(dir, { recursive: true, force: true }));
const file = (name: string, text: string): string => {
  writeFileSync(path.join(dir, name), text);
  return path.join(dir, name);
};
const ca = file('ca.pem', '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n');
const secret = file('secret', 'x');
const schema = z
  .object({ ...commonConfig, ...amqpConfig, redisUrl: z.string(), redisCaFile: certificateFile.optional() })
  .superRefine(checkTlsConsistency);
const plain = {
  CALBUS_NATS_URL: 'nats://a:4222,nats://b:4222',
  CALBUS_NATS_SEED_FILE: secret,
  CALBUS_REDIS_URL: 'redis://r:6379',
  CALBUS_RABBITMQ_URL: 'amqp://q:5672',
  CALBUS_RABBITMQ_USER: 'q',
  CALBUS_RABBITMQ_PASSWORD_FILE: secret,
};
const secured = {
  CALBUS_NATS_URL: 'tls://a:4222,tls://b:4222',
  CALBUS_REDIS_URL: 'rediss://r:6379',
  CALBUS_RABBITMQ_URL: 'amqps://q:5671',
};
const authorities = {
  CALBUS_NATS_CA_FILE: ca,
  CALBUS_REDIS_CA_FILE: ca,
  CALBUS_RABBITMQ_CA_FILE: ca,
};

const problemsOf = (env: Record<string, string>): readonly string[] => {
  const result = readConfig(schema, { ...plain, ...env });
  return result.ok ? [] : result.problems;
};

test('addresses without TLS, and with it under an authority of ours or those that Node knows, are good', () => {
  assert.deepEqual(problemsOf({}), []);
  assert.deepEqual(problemsOf(secured), []);
  assert.deepEqual(problemsOf({ ...secured, ...authorities }), []);
});

const refused: readonly (readonly [Record<string, string>, RegExp])[] = [
  [{ CALBUS_NATS_CA_FILE: ca }, /^CALBUS_NATS_URL: CALBUS_NATS_CA_FILE names an authority.* tls:\/\//],
  [
    { CALBUS_NATS_URL: 'tls://a:4222,nats://b:4222' },
    /^CALBUS_NATS_URL: Some addresses .* let all of them, or none/,
  ],
  [{ CALBUS_REDIS_CA_FILE: ca }, /^CALBUS_REDIS_URL: must begin with rediss:\/\//],
  [{ CALBUS_RABBITMQ_CA_FILE: ca }, /^CALBUS_RABBITMQ_URL: must begin with amqps:\/\//],
  [{ ...secured, CALBUS_NATS_CA_FILE: secret }, /^CALBUS_NATS_CA_FILE: must hold a certificate in PEM/],
  [{ ...secured, CALBUS_NATS_CA_FILE: '/nowhere' }, /^CALBUS_NATS_CA_FILE: cannot read \/nowhere/],
];
for (const [env, sentence] of refused)
  test(`refused before anything connects: ${Object.keys(env).join(', ')}, ${String(sentence)}`, () => {
    const problems = problemsOf(env);
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.match(problems[0] ?? '', sentence);
  });

const seed = `SU${'A'.repeat(56)}`;
const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const password = 'k3Pq/9+Zm2Wv7Xr1';
const given: readonly (readonly [string, string, RegExp])[] = [
  ['CALBUS_NATS_SEED_FILE', seed, /a file is to be named here/],
  ['CALBUS_RABBITMQ_PASSWORD_FILE', password, /a file is to be named here/],
  ['CALBUS_RABBITMQ_KEY_FILE', key, /a file is to be named here/],
  ['CALBUS_NATS_SEED', seed, /not a setting .* name that in CALBUS_NATS_SEED_FILE/],
  ['CALBUS_RABBITMQ_PASSWORD', password, /not a setting .* name that in CALBUS_RABBITMQ_PASSWORD_FILE/],
  ['CALBUS_NATS_URL', `nats://me:${password.replace('/', '')}@a:4222`, /without user and password/],
  ['CALBUS_RABBITMQ_URL', 'amqp://me:pw@q:5672', /without user and password/],
];
for (const [variable, value, sentence] of given)
  test(`a secret itself in ${variable} is refused with a sentence, and not repeated`, () => {
    const problems = problemsOf({ [variable]: value });
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.match(problems[0] ?? '', sentence);
    for (const part of value.split(/[\s/@:]+/).filter((p) => p.length > 7 && !p.startsWith('---')))
      assert.ok(!problems.join().includes(part), problems.join());
  });
