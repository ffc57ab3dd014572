import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { redactFacts, redactText } from './redaction.ts';

const seed = `SU${'A'.repeat(56)}`;
const jws = `eyJhbGciOiJFZERTQSJ9.${'c'.repeat(40)}.${'d'.repeat(86)}`;
// Put together here, so that no file of the repository looks as if it held one.
const label = ['PRIVATE', 'KEY'].join(' ');
const der = ['MC4CAQAwBQYD', 'K2VwBCIEIA'].join('');
const pem = `-----BEGIN ${label}-----\n${der}\n-----END ${label}-----`;

describe('what goes into the log', () => {
  test('secrets are known by their names, however these are written and however deep they stand', () => {
    const facts = {
      password: 'p',
      redisPassword: 'p',
      'deployment-secret': 'p',
      Authorization: 'p',
      natsSeedFile: 'p',
      a: [{ b: { private_key: 'p', license: 'p', sealed: 'p', presented: 'p' } }],
    };
    assert.doesNotMatch(JSON.stringify(redactFacts(facts)), /"p"/);
  });

  test('what only sounds like one stays', () => {
    const facts = { keyPackId: 'k1', licenseId: 'l1', licenses: 3, code: 'TIMEOUT', password: undefined };
    assert.deepEqual(redactFacts(facts), { ...facts, password: undefined });
  });

  for (const [what, secret] of Object.entries({
    'an nkey seed': seed,
    'a signed statement': jws,
    'a private key': pem,
  })) {
    test(`${what} is known by its looks, in any field and within a text`, () => {
      const shown = JSON.stringify(
        redactFacts({ error: `it said ${secret} and ended`, deep: [{ x: secret }] }),
      );
      assert.doesNotMatch(shown, /AAAA|cccc|MC4C/);
      assert.match(shown, /it said \[redacted\] and ended/);
    });
  }

  test('user and password of an address are taken out, also where the password has the characters of an address', () => {
    assert.equal(
      redactText('connect redis://me:p@ss/w@host:6379 failed'),
      'connect redis://[redacted]@host:6379 failed',
    );
    assert.equal(redactText('connect nats://host:4222 failed'), 'connect nats://host:4222 failed');
  });

  test('bytes are shown as their number, errors as their text; what refers to itself or is endless ends', () => {
    const circle: Record<string, unknown> = { n: 1 };
    circle['self'] = circle;
    const shown = redactFacts({
      bytes: new Uint8Array(7),
      error: new Error(`no ${seed}`),
      circle,
      big: 7n,
      many: Array.from({ length: 1_000 }, (_, i) => i),
      long: 'x'.repeat(100_000),
    });
    assert.equal(shown['bytes'], '[7 bytes]');
    assert.equal(shown['error'], 'Error: no [redacted]');
    assert.ok(JSON.stringify(shown).length < 20_000);
  });
});
