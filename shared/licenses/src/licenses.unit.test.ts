import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { compactVerify, importX509 } from 'jose';
import { makeCertificate, newKeyPair, verifyChain, certificateFacts } from './certificates.ts';
import { openJws, signJws, verifyJws } from './jws.ts';
import { signLicense } from './license-signature.ts';
import { createVerifier, type LicenseTrust } from './verifier.ts';
import { encrypt, decrypt } from './encryption.ts';
import { signBatch } from './batch-signature.ts';
import type { LicenseFacts } from '@calbus/contracts/license';

const { verify, verifyBatch } = createVerifier();

const NOW = 1_790_000_000_000;
const DAY = 86_400_000;
const SERVER = 'ABCDE12345ABCDE12345ABCDE12345ABCDE';
const span = { notBefore: NOW - DAY, notAfter: NOW + 30 * DAY };

const root = newKeyPair();
const server = newKeyPair();
const issuing = newKeyPair();
const rootPem = await makeCertificate({ role: 'root', commonName: 'Test Clearinghouse', ...root, ...span });
const serverPem = await makeCertificate({
  role: 'license-server',
  commonName: SERVER,
  publicKey: server.publicKey,
  issuer: { certificate: rootPem, privateKey: root.privateKey },
  ...span,
});
const issuingCertificate = (publicKey: KeyObject): Promise<string> =>
  makeCertificate({
    role: 'issuing',
    commonName: SERVER,
    publicKey,
    issuer: { certificate: serverPem, privateKey: server.privateKey },
    ...span,
  });
const issuingPem = await issuingCertificate(issuing.publicKey);

const facts: LicenseFacts = {
  licenseId: 'l1',
  licenseServerId: SERVER,
  epoch: 1,
  kind: 'full',
  mode: 'per-device',
  version: '2003',
  keyPackId: SERVER,
  hardwareId: '00'.repeat(19) + '01',
  deviceId: 'd1',
  deviceName: 'desk-1',
  userName: null,
  issuedAt: NOW,
  notAfter: NOW + 60 * DAY,
  position: { generation: 'g1', sequence: 7 },
};
const trust: LicenseTrust = {
  roots: [rootPem],
  issuing: new Map([['k1', [issuingPem, serverPem]]]),
  licenseServerId: SERVER,
};

test('a license given again under a younger key is genuine; one dated after its key has ended is not', () => {
  const old = { ...facts, issuedAt: NOW - 50 * DAY };
  assert.deepEqual(verify(signLicense(issuing.privateKey, 'k1', old), trust).ok, true);
  const late = { ...facts, issuedAt: NOW + 31 * DAY };
  const check = verify(signLicense(issuing.privateKey, 'k1', late), trust);
  assert.match(check.ok ? 'genuine' : check.why, /not in date/);
});

test('a license verifies, is the same bytes each time, and any JOSE library reads it', async () => {
  const jws = signLicense(issuing.privateKey, 'k1', facts);
  assert.equal(signLicense(issuing.privateKey, 'k1', facts), jws);
  const check = verify(jws, trust);
  assert.ok(check.ok);
  assert.equal(check.claims.jti, 'l1');
  const read = await compactVerify(jws, await importX509(issuingPem, 'EdDSA'));
  assert.deepEqual(JSON.parse(new TextDecoder().decode(read.payload)), check.claims);
});

test('a license altered, of another key, another server or an unknown kid is not genuine', () => {
  const jws = signLicense(issuing.privateKey, 'k1', facts);
  const [h = '', p = '', s = ''] = jws.split('.');
  const altered = Buffer.from(p, 'base64url').toString().replace('"exp":', '"exp":9');
  const bad: [string, string][] = [
    [`${h}.${Buffer.from(altered).toString('base64url')}.${s}`, 'altered'],
    [signLicense(newKeyPair().privateKey, 'k1', facts), 'other key'],
    [signLicense(issuing.privateKey, 'k2', facts), 'unknown kid'],
    [signLicense(issuing.privateKey, 'k1', { ...facts, licenseServerId: 'Z'.repeat(35) }), 'other server'],
    [
      signLicense(issuing.privateKey, 'k1', { ...facts, licenseServerId: 'unactivated' }),
      'full before activation',
    ],
    [
      signLicense(issuing.privateKey, 'k1', { ...facts, issuedAt: NOW + 60 * DAY }),
      'signed after the certificate ended',
    ],
    [signJws(issuing.privateKey, { typ: 'other', kid: 'k1' }, { a: 1 }), 'other typ'],
    ['a.b.c', 'nothing'],
  ];
  for (const [license, what] of bad) assert.equal(verify(license, trust).ok, false, what);
});

test('a license server certificate is no authority for key packs', async () => {
  const rogue = newKeyPair();
  const forged = await makeCertificate({
    role: 'clearinghouse',
    commonName: 'Test Clearinghouse',
    publicKey: rogue.publicKey,
    issuer: { certificate: serverPem, privateKey: server.privateKey },
    ...span,
  });
  assert.equal(verifyChain([forged], [rootPem], ['clearinghouse'], NOW).ok, false);
  assert.equal(verifyChain([forged, serverPem], [rootPem], ['clearinghouse'], NOW).ok, false);
});

test('a chain out of date, in the wrong order or under another root is refused with its reason', async () => {
  const ok = verifyChain([issuingPem, serverPem], [rootPem], ['issuing', 'license-server'], NOW);
  assert.ok(ok.ok);
  assert.equal(ok.leaf.commonName, SERVER);
  const other = newKeyPair();
  const otherRoot = await makeCertificate({
    role: 'root',
    commonName: 'Test Clearinghouse',
    ...other,
    ...span,
  });
  for (const r of [
    verifyChain([issuingPem, serverPem], [rootPem], ['issuing', 'license-server'], NOW + 31 * DAY),
    verifyChain([serverPem, issuingPem], [rootPem], ['issuing', 'license-server'], NOW),
    verifyChain([issuingPem, serverPem], [otherRoot], ['issuing', 'license-server'], NOW),
    verifyChain(['junk', serverPem], [rootPem], ['issuing', 'license-server'], NOW),
    verifyChain([], [rootPem], [], NOW),
  ]) {
    assert.equal(r.ok, false);
  }
  assert.equal(certificateFacts('junk'), undefined);
});

test('opening a JWS is total', () => {
  for (const text of ['', '.', '../../trust', 'a.b', `e30.e30.${'A'.repeat(86)}`, 'x'.repeat(100_000)]) {
    assert.equal(openJws(text), undefined);
  }
  const jws = openJws(signJws(issuing.privateKey, { typ: 't' }, {}));
  assert.ok(jws && verifyJws(jws, 't', createPublicKey(issuing.privateKey)));
  assert.ok(!verifyJws(jws, 'u', issuing.publicKey));
});

describe('one signature for several licenses', () => {
  /** Their own signatures are junk: only a word for them all can make them count. */
  const junk = (n: number): string => {
    const jws = signLicense(issuing.privateKey, 'k1', { ...facts, licenseId: `together-${n}` });
    return `${jws.slice(0, jws.lastIndexOf('.'))}.${'A'.repeat(86)}`;
  };
  let made = 0;
  const some = (): [string, string, string] => [junk(made++), junk(made++), junk(made++)];
  const count = (licenses: readonly string[], t = trust): boolean[] => licenses.map((l) => verify(l, t).ok);

  test('is verified once for all of them', () => {
    const licenses = some();
    assert.deepEqual(count(licenses), [false, false, false]);
    verifyBatch(licenses, signBatch(issuing.privateKey, 'k1', licenses), trust);
    assert.deepEqual(count(licenses), [true, true, true]);
  });

  test('is worth nothing for others, in another order, of another key, or of another type', () => {
    const stranger = newKeyPair();
    const words: [string, (l: readonly string[]) => string][] = [
      ['for fewer', (l) => signBatch(issuing.privateKey, 'k1', l.slice(1))],
      ['in another order', (l) => signBatch(issuing.privateKey, 'k1', l.toReversed())],
      ['of a stranger', (l) => signBatch(stranger.privateKey, 'k1', l)],
      ['of an unknown name', (l) => signBatch(issuing.privateKey, 'k2', l)],
      ['of a key that is no issuing key', (l) => signBatch(server.privateKey, 'k1', l)],
      ['a license', () => signLicense(issuing.privateKey, 'k1', facts)],
      [
        'of another type',
        () => signJws(issuing.privateKey, { typ: 'x', kid: 'k1' }, { sha256: 'A'.repeat(43) }),
      ],
      ['garbage', () => 'a.b.c'],
    ];
    for (const [what, word] of words) {
      const licenses = some();
      verifyBatch(licenses, word(licenses), trust);
      assert.deepEqual(count(licenses), [false, false, false], what);
    }
  });

  test('answers for the signatures only: a license of another server, or dated after its key, counts no more than before', () => {
    const late = signLicense(issuing.privateKey, 'k1', { ...facts, issuedAt: NOW + 31 * DAY });
    const foreign = signLicense(issuing.privateKey, 'k1', { ...facts, licenseServerId: 'Z'.repeat(35) });
    const licenses = [late, foreign];
    verifyBatch(licenses, signBatch(issuing.privateKey, 'k1', licenses), trust);
    assert.deepEqual(count(licenses), [false, false]);
  });

  test('does not outlive its key: where it is not named any more, or another key has its name, it counts no more', async () => {
    const licenses = some();
    verifyBatch(licenses, signBatch(issuing.privateKey, 'k1', licenses), trust);
    assert.deepEqual(count(licenses), [true, true, true]);
    const gone = { ...trust, issuing: new Map([['k2', [issuingPem, serverPem]]]) };
    assert.deepEqual(count(licenses, gone), [false, false, false]);
    const others = [await issuingCertificate(newKeyPair().publicKey), serverPem];
    const renamed = { ...trust, issuing: new Map([['k1', others]]) };
    assert.deepEqual(count(licenses, renamed), [false, false, false]);
  });
});

test('what was found genuine is genuine again; altered, or where another key has the name, it is not', async () => {
  const text = signLicense(issuing.privateKey, 'k1', { ...facts, licenseId: 'again-1' });
  const other = signLicense(issuing.privateKey, 'k1', { ...facts, licenseId: 'again-2' });
  const swapped = `${text.slice(0, text.lastIndexOf('.'))}${other.slice(other.lastIndexOf('.'))}`;
  const stranger = newKeyPair();
  const otherChain = [await issuingCertificate(stranger.publicKey), serverPem];
  const elsewhere = { ...trust, issuing: new Map([['k1', otherChain]]) };
  for (const turn of ['first', 'second']) {
    assert.ok(verify(text, trust).ok, turn);
    assert.ok(!verify(swapped, trust).ok, turn);
    assert.ok(!verify(text, elsewhere).ok, turn);
    assert.ok(!verify(text, { ...trust, licenseServerId: 'Z'.repeat(35) }).ok, turn);
  }
});

test('a batch signature counts only for the verifier that verified it', () => {
  const license = `${signLicense(issuing.privateKey, 'k1', { ...facts, licenseId: 'own' })
    .split('.')
    .slice(0, 2)
    .join('.')}.${'A'.repeat(86)}`;
  const [own, other] = [createVerifier(), createVerifier()];
  own.verifyBatch([license], signBatch(issuing.privateKey, 'k1', [license]), trust);
  assert.equal(own.verify(license, trust).ok, true);
  assert.equal(other.verify(license, trust).ok, false);
});

test('a signature is of its key, header and payload', () => {
  const text = signJws(issuing.privateKey, { typ: 't' }, { n: 1 });
  const other = signJws(issuing.privateKey, { typ: 't' }, { n: 2 });
  const swapped = `${text.slice(0, text.lastIndexOf('.'))}${other.slice(other.lastIndexOf('.'))}`;
  const stranger = newKeyPair();
  const [jws, altered] = [openJws(text), openJws(swapped)];
  assert.ok(jws && altered);
  assert.ok(verifyJws(jws, 't', issuing.publicKey));
  assert.ok(!verifyJws(altered, 't', issuing.publicKey));
  assert.ok(!verifyJws(jws, 't', stranger.publicKey));
  assert.ok(!verifyJws(jws, 'u', issuing.publicKey));
  assert.equal(signJws(issuing.privateKey, { typ: 't' }, { n: 1 }), text);
  assert.notEqual(signJws(stranger.privateKey, { typ: 't' }, { n: 1 }), text);
});

test('a sealed value opens only under its own secret and context, unaltered', () => {
  const sealed = encrypt('s'.repeat(32), 'c', 'hello');
  assert.equal(decrypt('s'.repeat(32), 'c', sealed)?.toString(), 'hello');
  assert.equal(decrypt('t'.repeat(32), 'c', sealed), undefined);
  assert.equal(decrypt('s'.repeat(32), 'd', sealed), undefined);
  assert.equal(decrypt('s'.repeat(32), 'c', `${sealed.slice(0, -2)}AA`), undefined);
  assert.equal(decrypt('s'.repeat(32), 'c', 'short'), undefined);
});
