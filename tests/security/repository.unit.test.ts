// No secret is in the repository: every file that git keeps is looked through.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { newKeyPair, privateKeyToPem } from '@calbus/licenses/certificates';
import { createUser } from 'nkeys.js';
import { repositoryRoot } from '@calbus/local/repository';
import { holdsPrivateKey } from '../flow/secrets-at-rest.ts';

/** What may stand where, and why. */
const known: Readonly<Record<string, string>> = {
  'tests/flow/secrets-at-rest.ts': 'the patterns by which private keys are found',
};

/** 25 letters and digits as they stand on a box. Ids are longer; examples for tests are named here. */
const codes = /(?<![A-Z0-9-])[A-HJ-NP-Z2-9]{5}(?:-[A-HJ-NP-Z2-9]{5}){4}(?![A-Z0-9-])/g;
const examples = new Set(['ABCDE-FGHJK-LMNPQ-RSTUV-WXYZ2']);

/** A user and a password within an address, written out. */
const inAddress = /[a-z]{3,}:\/\/[^\s:@/'"`$<>[\]]{1,64}:(?!\$)[^\s@/'"`$<>]{6,}@/g;

/** A value of some length and mixture, given to something that is named for a secret. */
const assigned =
  /(?:password|passphrase|secret|seed|token)["']?\s*[:=]\s*["'`](?=[^"'`]*[0-9])(?=[^"'`]*[A-Za-z])([A-Za-z0-9+/_=-]{20,})["'`]/gi;

const findings = (file: string, text: string): string[] => {
  const of = (what: string, found: readonly string[]): string[] =>
    found.map((f) => `${file}: ${what} ${f.slice(0, 12)}…`);
  return [
    ...(holdsPrivateKey(text) && known[file] === undefined ? [`${file}: a private key`] : []),
    ...of(
      'a license code',
      [...text.matchAll(codes)].map(([code]) => code).filter((code) => !examples.has(code)),
    ),
    ...of(
      'a password in an address',
      [...text.matchAll(inAddress)].map(([address]) => address),
    ),
    ...of(
      'a value for a secret',
      [...text.matchAll(assigned)].map(([all]) => all),
    ),
  ];
};

/** Where git answers, what it keeps; a copy without git, such as an image's, is looked at elsewhere. */
const kept = (): string[] => {
  try {
    return execFileSync('git', ['ls-files', '-z'], {
      cwd: repositoryRoot,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
      .split('\0')
      .filter((file) => file !== '' && existsSync(path.join(repositoryRoot, file)));
  } catch {
    return [];
  }
};

test('no file of the repository holds a private key, a seed, a license code or a password', (t) => {
  const files = kept();
  if (files.length === 0) return t.skip('this is no clone of the repository: git does not list its files');
  assert.ok(files.length > 400, `${files.length} files`);
  const found = files.flatMap((file) =>
    findings(file, readFileSync(path.join(repositoryRoot, file), 'latin1')),
  );
  assert.deepEqual(found, []);
  t.diagnostic(`${files.length} files looked through`);
});

test('nothing that holds secrets of a deployment can be added by mistake, to git or to an image', () => {
  const ignored = (name: string): readonly string[] =>
    readFileSync(path.join(repositoryRoot, name), 'utf8')
      .split('\n')
      .map((line) => line.trim().replaceAll(/^\/|\/$/g, ''));
  for (const name of ['.gitignore', '.dockerignore'])
    assert.ok(
      ignored(name).some((line) => line.endsWith('.calbus')),
      `${name} leaves .calbus out`,
    );
});

test('what is looked for would be found', () => {
  const seed = new TextDecoder().decode(createUser().getSeed());
  const password = Buffer.from('a password of some length 1').toString('base64url');
  const bare = ['KM7QT', 'XW2PZ', '94HVB', 'C6RJD', 'N8FYG'].join('-');
  const planted = {
    'a seed': `const seed = '${seed}'`,
    'a key': privateKeyToPem(newKeyPair().privateKey),
    'a code': `--code ${bare}`,
    'an address': ['amqp:', `me:${password}@host`].join('//'),
    'a password': `password: '${password}'`,
  };
  for (const [what, text] of Object.entries(planted))
    assert.notDeepEqual(findings('planted.ts', text), [], what);
  assert.deepEqual(findings('planted.ts', "password: 'x', seed: SEED_FILE, nats://host:4222"), []);
});
