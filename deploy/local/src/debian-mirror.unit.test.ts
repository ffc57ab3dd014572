import assert from 'node:assert/strict';
import { test } from 'node:test';
import { debianMirror } from './debian-mirror.ts';

const sources = (text: string): { name: string; text: string }[] => [{ name: 'a.sources', text }];
const list = (text: string): { name: string; text: string }[] => [{ name: 'a.list', text }];

test('takes the whole archive of a deb822 file, with its keyring, and skips security and other sources', () => {
  const text = `Types: deb
URIs: http://mirror.example/security/debian-security
Suites: bookworm-security
Components: main

Types: deb
URIs: https://other.example/apt/debian
Suites: stable
Components: tools

# the archive
Types: deb deb-src
# a comment between fields
URIs: https://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/archive.gpg
`;
  assert.deepEqual(debianMirror(sources(text)), {
    uri: 'https://mirror.example/debian',
    signedBy: '/usr/share/keyrings/archive.gpg',
  });
});

test('skips a disabled stanza; a key inside the file is not a keyring', () => {
  const off = 'Enabled: no\nTypes: deb\nURIs: http://off.example/debian\nSuites: x\nComponents: main\n';
  assert.equal(debianMirror(sources(off)), undefined);
  const inline =
    'Types: deb\nURIs: http://a.example/debian\nSuites: x\nComponents: main\nSigned-By:\n -----BEGIN\n .\n';
  assert.deepEqual(debianMirror(sources(inline)), { uri: 'http://a.example/debian', signedBy: undefined });
});

test('reads one-line sources with and without options', () => {
  assert.deepEqual(debianMirror(list('deb http://a.example/debian bookworm main\n')), {
    uri: 'http://a.example/debian',
    signedBy: undefined,
  });
  const text = `# deb http://commented.example/debian bookworm main
deb-src http://source.example/debian bookworm main
deb cdrom:[Debian]/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://b.example/pub/debian/ bookworm non-free main
`;
  assert.deepEqual(debianMirror(list(text)), { uri: 'http://b.example/pub/debian', signedBy: '/k.gpg' });
});

test('finds no mirror if the sources name none', () => {
  assert.equal(debianMirror([]), undefined);
  assert.equal(debianMirror(list('deb http://archive.example/ubuntu noble main\n')), undefined);
});
