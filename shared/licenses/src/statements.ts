// Statements of the Clearinghouse: a compact JWS whose header carries its signer's certificate (x5c, RFC 7515),
// which must stand directly under a root we trust.

import { z } from 'zod';
import type { KeyObject } from 'node:crypto';
import { verifyChain } from './certificates.ts';
import { openJws, signJws, verifyJws } from './jws.ts';

export type StatementResult =
  { readonly ok: true; readonly payload: unknown } | { readonly ok: false; readonly why: string };

const x5c = z.array(z.string().max(8_192)).length(1);

/** A certificate of an x5c header, in PEM. */
export const toPem = (der: string): string =>
  `-----BEGIN CERTIFICATE-----\n${der.replaceAll(/(.{64})/g, '$1\n').trimEnd()}\n-----END CERTIFICATE-----`;

export const toDer = (pem: string): string => pem.replaceAll(/-----[A-Z ]+-----|\s/g, '');

/** Signs a statement as the Clearinghouse. */
export const signStatement = (key: KeyObject, certificate: string, typ: string, payload: object): string =>
  signJws(key, { typ, x5c: [toDer(certificate)] }, payload);

/** Opens a statement of the Clearinghouse, verified up to one of `roots` at `at` (epoch milliseconds). Never throws. */
export const openStatement = (
  jws: string,
  typ: string,
  roots: readonly string[],
  at: number,
): StatementResult => {
  const opened = openJws(jws);
  if (!opened) return { ok: false, why: 'it is not a signed statement' };
  if (opened.header.typ !== typ) return { ok: false, why: 'it is a statement of another kind' };
  const certificates = x5c.safeParse(opened.header['x5c']);
  if (!certificates.success) return { ok: false, why: 'it does not carry the certificate of its signer' };
  const chain = verifyChain(certificates.data.map(toPem), roots, ['clearinghouse'], at);
  if (!chain.ok) return { ok: false, why: chain.why };
  return verifyJws(opened, typ, chain.leaf.publicKey)
    ? { ok: true, payload: opened.payload }
    : { ok: false, why: 'its signature does not verify' };
};
