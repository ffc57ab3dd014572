// The Clearinghouse's keys and certificates: files in its data directory; only their owner may read private keys. Existing files are
// used and missing files are made. So a vendor can supply files, and an interrupted start continues.

import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createHmac, randomBytes } from 'node:crypto';
import path from 'node:path';
import {
  ANSWER_TYP,
  clearinghouseAnswer,
  KEY_PACK_TYP,
  keyPackClaims,
} from '@calbus/contracts/clearinghouse';
import {
  certificateFacts,
  keyPairFromPem,
  makeCertificate,
  newKeyPair,
  privateKeyToPem,
  publicKeyFromJwk,
  verifyChain,
  type KeyPair,
} from '@calbus/licenses/certificates';
import { signStatement } from '@calbus/licenses/statements';
import type { KeyedCheck } from '../domain/codes.ts';
import type { Signer } from '../ports.ts';

const DAY = 86_400_000;
const YEAR = 365 * DAY;
/** Certificates begin in the past, because other machines' clocks may be behind. */
const BACKDATED = DAY;
const LIFE = { root: 30 * YEAR, signing: 10 * YEAR, licenseServer: 10 * YEAR } as const;
/** A signing certificate with less than this left is replaced at the next start. */
const RENEW_BEFORE = YEAR;

/** Creates a file atomically. False if it existed before. */
const putNew = (file: string, text: string, mode: number): boolean => {
  const whole = `${file}.${randomBytes(6).toString('hex')}.new`;
  writeFileSync(whole, text, { mode });
  try {
    linkSync(whole, file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(whole);
  }
};

/** Two workers that start together on an empty directory both use the file of the first one. */
const keep = async (file: string, mode: number, make: () => Promise<string> | string): Promise<string> => {
  if (!existsSync(file)) putNew(file, await make(), mode);
  return readFileSync(file, 'utf8');
};

const keepKey = async (file: string): Promise<KeyPair> =>
  keyPairFromPem(await keep(file, 0o600, () => privateKeyToPem(newKeyPair().privateKey)));

export const rootFile = (dataDir: string): string => path.join(dataDir, 'root.pem');
const keysDirOf = (dataDir: string): string => path.join(dataDir, 'keys');

/** Each later signing key is one file with private key and certificate. The names sort by time. */
const ROTATED = /^signing-[0-9]{8}T[0-9]{9}Z\.pem$/;
const FIRST = 'signing.pem';

type Signing = {
  readonly name: string;
  readonly certificate: string;
  readonly privateKey: KeyPair['privateKey'];
};

/** The names of the certificate files, newest first. */
const signingNames = (keys: string): readonly string[] => {
  const files = existsSync(keys) ? readdirSync(keys) : [];
  return [
    ...files
      .filter((f) => ROTATED.test(f))
      .sort()
      .toReversed(),
    ...(files.includes(FIRST) ? [FIRST] : []),
  ];
};

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----\n?/;

const readSigning = (keys: string, name: string): Signing => {
  const text = readFileSync(path.join(keys, name), 'utf8');
  const certificate = CERTIFICATE.exec(text)?.[0] ?? '';
  const keyText =
    name === FIRST ? readFileSync(path.join(keys, 'signing.key.pem'), 'utf8') : text.replace(CERTIFICATE, '');
  const { publicKey, privateKey } = keyPairFromPem(keyText);
  if (!certificateFacts(certificate)?.publicKey.equals(publicKey))
    throw new Error(
      `${path.join(keys, name)} is not the certificate of its key; restore both from your backup.`,
    );
  return { name, certificate, privateKey };
};

const openRoot = (dataDir: string): { certificate: string; privateKey: KeyPair['privateKey'] } => {
  const key = keyPairFromPem(readFileSync(path.join(keysDirOf(dataDir), 'root.key.pem'), 'utf8'));
  const certificate = readFileSync(rootFile(dataDir), 'utf8');
  if (!certificateFacts(certificate)?.publicKey.equals(key.publicKey))
    throw new Error(
      `${rootFile(dataDir)} is not the certificate of the root key; restore it from your backup.`,
    );
  return { certificate, privateKey: key.privateKey };
};

const certifySigning = (
  root: ReturnType<typeof openRoot>,
  commonName: string,
  key: KeyPair,
  at: number,
): Promise<string> =>
  makeCertificate({
    role: 'clearinghouse',
    commonName,
    publicKey: key.publicKey,
    issuer: root,
    notBefore: at - BACKDATED,
    notAfter: at + LIFE.signing,
  });

export type SigningKey = {
  readonly name: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly current: boolean;
};

/** Newest first; the newest signs. */
export const listSigningKeys = (dataDir: string): readonly SigningKey[] => {
  const keys = keysDirOf(dataDir);
  return signingNames(keys).flatMap((name, i) => {
    const facts = certificateFacts(readFileSync(path.join(keys, name), 'utf8').match(CERTIFICATE)?.[0] ?? '');
    return facts ? [{ name, notBefore: facts.notBefore, notAfter: facts.notAfter, current: i === 0 }] : [];
  });
};

/** Throws an Error with one sentence if there is no Clearinghouse yet. */
export const rotateSigningKey = async (dataDir: string, at: number): Promise<SigningKey> => {
  const keys = keysDirOf(dataDir);
  const [newest] = signingNames(keys);
  if (newest === undefined)
    throw new Error(`There are no keys in ${dataDir}; they are made when the service starts first.`);
  const { certificate: before } = readSigning(keys, newest);
  const key = newKeyPair();
  const commonName = certificateFacts(before)?.commonName ?? 'Clearinghouse';
  const certificate = await certifySigning(openRoot(dataDir), commonName, key, at);
  const name = `signing-${new Date(at).toISOString().replaceAll(/[-:.]/g, '')}.pem`;
  if (newest >= name && newest !== FIRST)
    throw new Error(`The newest key, ${newest}, is dated after this machine's clock. Set the clock.`);
  if (!putNew(path.join(keys, name), privateKeyToPem(key.privateKey) + certificate, 0o600))
    throw new Error('Another key was made at the same time; that one signs.');
  return { name, notBefore: at - BACKDATED, notAfter: at + LIFE.signing, current: true };
};

const codesSecretOf = (dataDir: string): string => path.join(keysDirOf(dataDir), 'codes.secret');

/** The secret of existing license codes. Another secret would make other codes. Throws an Error with one sentence if it is missing. */
export const readCodeCheck = (dataDir: string): KeyedCheck => {
  const file = codesSecretOf(dataDir);
  if (!existsSync(file))
    throw new Error(
      `${file} is missing, and existing license codes depend on it. Restore it from your backup.`,
    );
  const secret = readFileSync(file, 'utf8');
  return (text) => createHmac('sha256', secret).update(text).digest();
};

/** The check of license codes. Makes a secret if there is none, unless license codes exist. */
export const openCodeCheck = (dataDir: string, haveCodes: boolean): KeyedCheck => {
  if (haveCodes) return readCodeCheck(dataDir);
  mkdirSync(keysDirOf(dataDir), { recursive: true, mode: 0o700 });
  putNew(codesSecretOf(dataDir), randomBytes(32).toString('base64url'), 0o600);
  return readCodeCheck(dataDir);
};

/** `haveCodes`: the register holds license codes. Throws an Error with one sentence if files are missing or do not belong together. */
export const openSigner = async (
  dataDir: string,
  vendor: string,
  haveCodes: boolean,
  at: number,
): Promise<Signer> => {
  const keys = keysDirOf(dataDir);
  mkdirSync(keys, { recursive: true, mode: 0o700 });
  const rootKey = await keepKey(path.join(keys, 'root.key.pem'));
  await keep(rootFile(dataDir), 0o644, () =>
    makeCertificate({
      role: 'root',
      commonName: `${vendor} root`,
      ...rootKey,
      notBefore: at - BACKDATED,
      notAfter: at + LIFE.root,
    }),
  );
  const root = openRoot(dataDir);
  if (signingNames(keys).length === 0) {
    const first = await keepKey(path.join(keys, 'signing.key.pem'));
    await keep(path.join(keys, FIRST), 0o644, () => certifySigning(root, vendor, first, at));
  }
  const [listed] = listSigningKeys(dataDir);
  if (listed && listed.notAfter - at < RENEW_BEFORE) await rotateSigningKey(dataDir, at);

  const newest = (): string => signingNames(keys)[0] ?? FIRST;
  let signing = readSigning(keys, newest());
  if (!verifyChain([signing.certificate], [root.certificate], ['clearinghouse'], at).ok)
    throw new Error(
      `The keys and certificates in ${dataDir} do not belong together; restore them from your backup.`,
    );
  /** A key that was made after the start of this process also signs. */
  const current = (): Signing => {
    const name = newest();
    if (name !== signing.name) signing = readSigning(keys, name);
    return signing;
  };
  const sign = (typ: string, payload: object): string => {
    const { privateKey, certificate } = current();
    return signStatement(privateKey, certificate, typ, payload);
  };
  return {
    codeCheck: openCodeCheck(dataDir, haveCodes),
    // Fields in the order of the schema, so that a phone code restores the same bytes.
    answer: (payload) => sign(ANSWER_TYP, clearinghouseAnswer.parse(payload)),
    keyPack: (payload) => sign(KEY_PACK_TYP, keyPackClaims.parse(payload)),
    certify: (serverId, key, now) =>
      makeCertificate({
        role: 'license-server',
        commonName: serverId,
        publicKey: publicKeyFromJwk({ kty: 'OKP', crv: 'Ed25519', x: key }),
        issuer: root,
        notBefore: now - BACKDATED,
        notAfter: now + LIFE.licenseServer,
      }),
  };
};
