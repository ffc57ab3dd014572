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
  keyPairFromPem,
  makeCertificate,
  newKeyPair,
  privateKeyToPem,
  publicJwk,
  type KeyPair,
} from '@calbus/trust/certificates';
import { signJws } from '@calbus/trust/jws';
import { issuingKeyContext, seal, unseal } from '@calbus/trust/seal';
import { BACKDATED_MS, KEY_LIFE_MS } from '../domain/issuing-keys.ts';
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

/** Makes product id, key and self-signed certificate where there are none; two at once keep the first one's. */
const ensureIdentity = async (db: DatabaseSync, secret: string, at: number): Promise<z.infer<typeof row>> => {
  const read = () => row.optional().parse(db.prepare('SELECT * FROM identity').get());
  const known = read();
  if (known) return known;
  const pair = newKeyPair();
  const certificate = await makeCertificate({
    role: 'license-server',
    commonName: UNACTIVATED,
    ...pair,
    notBefore: at - BACKDATED_MS,
    notAfter: at + SELF_SIGNED_MS,
  });
  const sealed = seal(secret, CONTEXT, privateKeyToPem(pair.privateKey));
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
    const pem = unseal(secret, CONTEXT, sealed);
    if (!pem)
      throw new Error(
        "The deployment secret is not the one under which this license server's key was sealed; give the service that secret.",
      );
    return keyPairFromPem(pem.toString());
  };
  let own = opened(identity.sealed_key);
  let next = identity.next_key === null ? undefined : opened(identity.next_key);
  const signBy = ({ privateKey, publicKey }: KeyPair, command: ClearinghouseCommand): string =>
    // In the order of its schema, so that a command that was spoken can be made again to the byte.
    signJws(privateKey, { typ: COMMAND_TYP, jwk: publicJwk(publicKey) }, clearinghouseCommand.parse(command));
  const keepNext = db.prepare('UPDATE identity SET next_key = ?');
  const takeNext = db.prepare(
    'UPDATE identity SET sealed_key = next_key, next_key = NULL WHERE next_key IS NOT NULL',
  );
  return {
    publicX: () => publicJwk(own.publicKey).x,
    sign: (command) => signBy(own, command),
    nextX: () => next && publicJwk(next.publicKey).x,
    signAnew: (command) => {
      const pair = newKeyPair();
      keepNext.run(seal(secret, CONTEXT, privateKeyToPem(pair.privateKey)));
      next = pair;
      return signBy(pair, command);
    },
    adopt: () => {
      if (!next) return;
      takeNext.run();
      own = next;
      next = undefined;
    },
    newIssuingKey: async (activation, at) => {
      const pair = newKeyPair();
      const kid = kidOf(pair.publicKey);
      const above = activation?.chain ?? [identity.self_certificate];
      // X.509 keeps whole seconds; what is listed beside the certificate says the same.
      const notBefore = Math.floor((at - BACKDATED_MS) / 1000) * 1000;
      const notAfter = Math.floor((at + KEY_LIFE_MS) / 1000) * 1000;
      const certificate = await makeCertificate({
        role: 'issuing',
        commonName: activation?.serverId ?? UNACTIVATED,
        publicKey: pair.publicKey,
        issuer: { certificate: above[0] ?? '', privateKey: own.privateKey },
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
        sealed: seal(secret, issuingKeyContext(kid), privateKeyToPem(pair.privateKey)),
      };
    },
  };
};
