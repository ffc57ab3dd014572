// The Clearinghouse's keys and certificates: files in its data directory, private keys for their owner alone. What is there is
// used, what is missing is made; so they can be given beforehand, and a start that was cut off goes on where it was.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
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
} from '@calbus/trust/certificates';
import { signStatement } from '@calbus/trust/statements';
import type { Seal } from '../ports.ts';

const DAY = 86_400_000;
const YEAR = 365 * DAY;
/** X.509 dates are compared with clocks that may be behind ours. */
const BACKDATED = DAY;
const LIFE = { root: 30 * YEAR, signing: 10 * YEAR, licenseServer: 10 * YEAR } as const;
/** A signing certificate with less than this left is replaced at the next start. */
const RENEW_BEFORE = YEAR;

const put = (file: string, text: string, mode: number): string => {
  writeFileSync(`${file}.new`, text, { mode });
  renameSync(`${file}.new`, file);
  return text;
};

const keep = async (file: string, mode: number, make: () => Promise<string> | string): Promise<string> =>
  existsSync(file) ? readFileSync(file, 'utf8') : put(file, await make(), mode);

const keepKey = async (file: string): Promise<KeyPair> =>
  keyPairFromPem(await keep(file, 0o600, () => privateKeyToPem(newKeyPair().privateKey)));

export const rootFileOf = (dataDir: string): string => path.join(dataDir, 'root.pem');

/** Throws one sentence where the files do not belong together. */
export const openSeal = async (dataDir: string, vendor: string, at: number): Promise<Seal> => {
  const keys = path.join(dataDir, 'keys');
  mkdirSync(keys, { recursive: true, mode: 0o700 });
  const rootKey = await keepKey(path.join(keys, 'root.key.pem'));
  const root = await keep(rootFileOf(dataDir), 0o644, () =>
    makeCertificate({
      role: 'root',
      commonName: `${vendor} root`,
      ...rootKey,
      notBefore: at - BACKDATED,
      notAfter: at + LIFE.root,
    }),
  );
  const issuer = { certificate: root, privateKey: rootKey.privateKey };
  const signingKey = await keepKey(path.join(keys, 'signing.key.pem'));
  const signingFile = path.join(keys, 'signing.pem');
  const makeSigning = (): Promise<string> =>
    makeCertificate({
      role: 'clearinghouse',
      commonName: vendor,
      publicKey: signingKey.publicKey,
      issuer,
      notBefore: at - BACKDATED,
      notAfter: at + LIFE.signing,
    });
  let signing = await keep(signingFile, 0o644, makeSigning);
  const left = (certificateFacts(signing)?.notAfter ?? 0) - at;
  if (left < RENEW_BEFORE) signing = put(signingFile, await makeSigning(), 0o644);

  const chain = verifyChain([signing], [root], ['clearinghouse'], at);
  if (!chain.ok || !chain.leaf.publicKey.equals(signingKey.publicKey))
    throw new Error(
      `The keys and certificates in ${dataDir} do not belong together; restore them from your backup.`,
    );
  if (!certificateFacts(root)?.publicKey.equals(rootKey.publicKey))
    throw new Error(
      `${rootFileOf(dataDir)} is not the certificate of the root key; restore it from your backup.`,
    );

  const codesSecret = await keep(path.join(keys, 'codes.secret'), 0o600, () =>
    randomBytes(32).toString('base64url'),
  );

  return {
    check: (text) => createHmac('sha256', codesSecret).update(text).digest(),
    // In the order of their schemas, so that a statement that was spoken can be made again to the byte.
    answer: (payload) =>
      signStatement(signingKey.privateKey, signing, ANSWER_TYP, clearinghouseAnswer.parse(payload)),
    keyPack: (payload) =>
      signStatement(signingKey.privateKey, signing, KEY_PACK_TYP, keyPackClaims.parse(payload)),
    certify: (serverId, key, now) =>
      makeCertificate({
        role: 'license-server',
        commonName: serverId,
        publicKey: publicKeyFromJwk({ kty: 'OKP', crv: 'Ed25519', x: key }),
        issuer,
        notBefore: now - BACKDATED,
        notAfter: now + LIFE.licenseServer,
      }),
  };
};
