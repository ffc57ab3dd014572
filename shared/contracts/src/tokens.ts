// The small shapes every message is made of. Each is one token or one bounded string, so that whatever
// decodes can be used in a subject, a key or a log line without further checks.

import { z } from 'zod';

/** One subject token: ids of requests, commands, terminal servers, licenses. */
export const token = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);

/** The 20 bytes that identify a device (MS-RDPELE HWID), as lower-case hex. */
export const hardwareId = z.string().regex(/^[0-9a-f]{40}$/);

/** N3: all zero, or a PlatformId (the first four bytes, MS-RDPELE) of zero: what clients send that keep no identity. */
export const isAnonymousHardwareId = (id: string): boolean => id.startsWith('00000000');

/** License server ids and key pack ids: 7 groups of 5, stored without separators. */
export const serverId = z.string().regex(/^[A-Z0-9]{35}$/);
export const keyPackId = serverId;

/** What stands for the license server before activation gives it an id; it chooses this itself. */
export const productId = z.string().regex(/^[A-Z0-9]{5}(-[A-Z0-9]{5}){3}$/);

/** Milliseconds since 1970 UTC. */
export const instant = z.int().min(0).max(8_640_000_000_000_000);

/** A name people gave something. Control characters are refused: names end up in logs and terminals. */
export const name = z
  .string()
  .min(1)
  .max(256)
  // oxlint-disable-next-line no-control-regex -- refusing control characters is the purpose
  .regex(/^[^\u0000-\u001f\u007f-\u009f]*$/);

/** A compact JWS; its reader verifies it. */
export const compactJws = z
  .string()
  .max(16_384)
  .regex(/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/);

/** One X.509 certificate in PEM. */
export const certificatePem = z.string().max(8_192).startsWith('-----BEGIN CERTIFICATE-----');

/** SHA-256 as lower-case hex. */
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const licensingMode = z.enum(['per-device', 'per-user']);
export type LicensingMode = z.infer<typeof licensingMode>;

/** Names one life of the ledger. */
export const generation = token;

/** The place of a record: the stream sequence of the batch that carries it, within one generation. */
export const ledgerPosition = z.object({ generation, sequence: z.int().min(0) });
export type LedgerPosition = z.infer<typeof ledgerPosition>;
