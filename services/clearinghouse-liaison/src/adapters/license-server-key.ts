// The license server's key: made at the first start, sealed under the deployment's secret, never out of this process in the clear.

import { createHash, randomBytes, type KeyObject } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import {
  clearinghouseCommand,
  COMMAND_TYP,
  type ClearinghouseCommand,
} from '@calbus/contracts/clearinghouse';
import { UNACTIVATED } from '@calbus/contracts/license';
import { transact } from '@calbus/runtime/sqlite';
import {
  certificateFacts,
  keyPairFromPem,
  makeCertificate,
  newKeyPair,
  privateKeyToPem,
  publicJwk,
  type KeyPair,
} from '@calbus/licenses/certificates';
import { signJws } from '@calbus/licenses/jws';
import { issuingKeyContext, encrypt, decrypt } from '@calbus/licenses/encryption';
import type { Activation } from '../domain/command.ts';
import { BACKDATED_MS, isOver, KEY_LIFE_MS, type ServerCertificate } from '../domain/issuing-keys.ts';
import type { Signer } from '../ports.ts';

const CONTEXT = 'license-server-key';
const SELF_SIGNED_MS = 10 * 365 * 86_400_000;
const LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789'; // 32: a byte picks one fairly; none looks like another

const newProductId = (): string => {
  const letters = [...randomBytes(20)].map((b) => LETTERS[b % LETTERS.length] ?? '').join('');
  return (letters.match(/.{5}/g) ?? []).join('-');
};

const row = z.object({
  sealed_key: z.string(),
  self_certificate: z.string(),
  next_key: z.string().nullable(),
});

/** What stands above issuing keys while there is no certificate of the Clearinghouse in date: good for temporary licenses alone. */
const selfCertificate = (pair: KeyPair, at: number): Promise<string> =>
  makeCertificate({
    role: 'license-server',
    commonName: UNACTIVATED,
    ...pair,
    notBefore: at - BACKDATED_MS,
    notAfter: at + SELF_SIGNED_MS,
  });

/** The certificate under which issuing keys are made. */
const certificateOf = ({ chain }: Activation): ServerCertificate => {
  const [pem = ''] = chain;
  return { pem, notAfter: certificateFacts(pem)?.notAfter ?? 0 };
};

/** Makes product id, key and self-signed certificate where there are none; two at once keep the first one's. */
const ensureIdentity = async (db: DatabaseSync, secret: string, at: number): Promise<z.infer<typeof row>> => {
  const read = () => row.optional().parse(db.prepare('SELECT * FROM identity').get());
  const known = read();
  if (known) return known;
  const pair = newKeyPair();
  const certificate = await selfCertificate(pair, at);
  const sealed = encrypt(secret, CONTEXT, privateKeyToPem(pair.privateKey));
  return transact(db, () => {
    db.prepare(
      `INSERT INTO identity (one, product_id, sealed_key, self_certificate) VALUES (1, ?, ?, ?)
       ON CONFLICT DO NOTHING`,
    ).run(newProductId(), sealed, certificate);
    return row.parse(read());
  });
};

const kidOf = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ format: 'der', type: 'spki' }))
    .digest('hex')
    .slice(0, 16);

/** Throws one sentence where the secret is another one. */
export const openSigner = async (db: DatabaseSync, secret: string, now: number): Promise<Signer> => {
  const identity = await ensureIdentity(db, secret, now);
  const opened = (sealed: string): KeyPair => {
    const pem = decrypt(secret, CONTEXT, sealed);
    if (!pem)
      throw new Error(
        "The deployment secret is not the one under which this license server's key was sealed; give the service that secret.",
      );
    return keyPairFromPem(pem.toString());
  };
  // The database says which is in force: a transaction that was undone has changed nothing here either.
  const pairs = new Map<string, KeyPair>();
  const pairOf = (sealed: string): KeyPair => {
    const pair = pairs.get(sealed) ?? opened(sealed);
    pairs.set(sealed, pair);
    return pair;
  };
  pairOf(identity.sealed_key);
  const kept = db.prepare('SELECT * FROM identity');
  const own = (): KeyPair => pairOf(row.parse(kept.get()).sealed_key);
  const next = (): KeyPair | undefined => {
    const { next_key: sealed } = row.parse(kept.get());
    return sealed === null ? undefined : pairOf(sealed);
  };
  const signBy = ({ privateKey, publicKey }: KeyPair, command: ClearinghouseCommand): string =>
    // In the order of its schema, so that a command that was spoken can be made again to the byte.
    signJws(privateKey, { typ: COMMAND_TYP, jwk: publicJwk(publicKey) }, clearinghouseCommand.parse(command));
  const keepNext = db.prepare('UPDATE identity SET next_key = ?');
  const takeNext = db.prepare(
    'UPDATE identity SET sealed_key = next_key, next_key = NULL WHERE next_key IS NOT NULL',
  );
  return {
    publicX: () => publicJwk(own().publicKey).x,
    sign: (command) => signBy(own(), command),
    nextPublicX: () => {
      const pair = next();
      return pair && publicJwk(pair.publicKey).x;
    },
    signWithNextKey: (command) => {
      const pair = newKeyPair();
      keepNext.run(encrypt(secret, CONTEXT, privateKeyToPem(pair.privateKey)));
      return signBy(pair, command);
    },
    adoptNextKey: () => {
      takeNext.run();
    },
    canDecrypt: (sealed) => decrypt(secret, CONTEXT, sealed) !== undefined,
    certificateOf,
    newIssuingKey: async (activation, at) => {
      const pair = newKeyPair();
      const kid = kidOf(pair.publicKey);
      const certified = activation !== null && !isOver(certificateOf(activation), at);
      const above = certified ? activation.chain : [await selfCertificate(own(), at)];
      // X.509 keeps whole seconds; what is listed beside the certificate says the same.
      const notBefore = Math.floor((at - BACKDATED_MS) / 1000) * 1000;
      const end = certificateFacts(above[0] ?? '')?.notAfter ?? 0;
      const notAfter = Math.min(Math.floor((at + KEY_LIFE_MS) / 1000) * 1000, end);
      const certificate = await makeCertificate({
        role: 'issuing',
        commonName: certified ? activation.serverId : UNACTIVATED,
        publicKey: pair.publicKey,
        issuer: { certificate: above[0] ?? '', privateKey: own().privateKey },
        notBefore,
        notAfter,
      });
      return {
        kid,
        epoch: activation?.epoch ?? 0,
        chain: [certificate, ...above],
        madeAt: at,
        notBefore,
        notAfter,
        sealed: encrypt(secret, issuingKeyContext(kid), privateKeyToPem(pair.privateKey)),
      };
    },
  };
};
