// Compact JWS with EdDSA over Ed25519 (RFC 7515, RFC 8037), on node:crypto's synchronous functions: an issuer
// signs thousands a second, and a promise each costs more than the signature. A test reads them with a JOSE library.

import { sign, verify, type KeyObject } from 'node:crypto';
import { z } from 'zod';

const header = z.looseObject({
  alg: z.literal('EdDSA'),
  typ: z.string().max(64),
  kid: z.string().max(64).optional(),
});
export type JwsHeader = z.infer<typeof header>;

export type OpenedJws = {
  readonly header: JwsHeader;
  /** Not verified: only its shape as JSON is known. */
  readonly payload: unknown;
  readonly signingInput: string;
  readonly signature: Uint8Array;
};

const encodePart = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

type Head = { readonly typ: string; readonly [name: string]: unknown };

const inputOf = (head: Head, payload: object): string =>
  `${encodePart({ alg: 'EdDSA', ...head })}.${encodePart(payload)}`;

/** A JWS out of its parts, with the signature that it had; nothing is verified. */
export const assembleJws = (head: Head, payload: object, signature: Uint8Array): string =>
  `${inputOf(head, payload)}.${Buffer.from(signature).toString('base64url')}`;

/** Signs `payload`. The same key, header and payload give the same bytes (Ed25519 is deterministic). */
export const signJws = (key: KeyObject, head: Head, payload: object): string => {
  const input = inputOf(head, payload);
  return `${input}.${sign(null, Buffer.from(input), key).toString('base64url')}`;
};

const parsePart = (part: string): unknown => {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
};

/** Parses a compact JWS without verifying it; undefined if it is not a JWS. Never throws. */
export const openJws = (jws: string): OpenedJws | undefined => {
  if (!/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}$/.test(jws)) return undefined;
  const [h = '', p = '', s = ''] = jws.split('.');
  const head = header.safeParse(parsePart(h));
  const payload = parsePart(p);
  if (!head.success || payload === undefined) return undefined;
  const signature = Buffer.from(s, 'base64url');
  return { header: head.data, payload, signingInput: `${h}.${p}`, signature };
};

/** Whether `jws` is of this `typ` and signed by the holder of `key`. Never throws. */
export const verifyJws = (opened: OpenedJws, typ: string, key: KeyObject): boolean =>
  opened.header.typ === typ &&
  key.asymmetricKeyType === 'ed25519' &&
  verify(null, Buffer.from(opened.signingInput), key, opened.signature);
