import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newKeyPair, privateKeyToPem } from '@calbus/licenses/certificates';
import { formsOfCode, holdsAny, holdsPrivateKey } from './secrets-at-rest.ts';

const code = 'ABCDE-FGHJK-LMNPQ-RSTUV-WXYZ2';

test('a license code is found as it is, without hyphens, and within what travels in base64', () => {
  const forms = formsOfCode(code);
  const bare = code.replaceAll('-', '');
  for (const text of [`x${code}y`, bare, bare.toLowerCase()]) assert.ok(holdsAny(text, forms), text);
  for (const before of ['', 'a', 'ab', '{"code":"'])
    for (const encoding of ['base64', 'base64url'] as const) {
      const sent = Buffer.from(`${before}${bare}"}`).toString(encoding);
      assert.ok(holdsAny(`head.${sent}.signature`, forms), `${before} ${encoding}`);
    }
  assert.ok(!holdsAny(Buffer.from(bare.replace('K', 'M')).toString('base64'), forms));
});

test('a private key is found in PEM, in PEM within base64, as a JWK, as DER, and as an nkey seed', () => {
  const { privateKey, publicKey } = newKeyPair();
  const text = privateKeyToPem(privateKey);
  assert.ok(holdsPrivateKey(text));
  for (const before of ['', 'a', 'ab'])
    assert.ok(holdsPrivateKey(Buffer.from(before + text).toString('base64url')));
  assert.ok(holdsPrivateKey(JSON.stringify(privateKey.export({ format: 'jwk' }))));
  const der = privateKey.export({ format: 'der', type: 'pkcs8' });
  assert.ok(holdsPrivateKey(der.toString('latin1')));
  assert.ok(holdsPrivateKey(der.toString('base64')));
  assert.ok(holdsPrivateKey(`seed: SU${'A'.repeat(56)}`));
  assert.ok(!holdsPrivateKey(JSON.stringify(publicKey.export({ format: 'jwk' }))));
});
