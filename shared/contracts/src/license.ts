// A license as a fact of the ledger, and as the claims of the signed statement that a device carries.
// The claims follow from the facts alone, key by key in a fixed order, so that any issuer signs the same bytes.

import { z } from 'zod';
import {
  generation,
  hardwareId,
  instant,
  keyPackId,
  ledgerPosition,
  name,
  serverId,
  token,
} from './tokens.ts';
import { productVersion } from './versions.ts';

export const licenseKind = z.enum(['temporary', 'full']);

/** What stands for the license server in licenses signed before its first activation. */
export const UNACTIVATED = 'unactivated';

export const licenseFacts = z.object({
  licenseId: token,
  licenseServerId: z.union([serverId, z.literal(UNACTIVATED)]),
  /** Counts activations; 0 before the first. */
  epoch: z.int().min(0),
  kind: licenseKind,
  mode: z.literal('per-device'),
  version: productVersion,
  keyPackId: keyPackId.nullable(),
  hardwareId,
  /** Random, drawn with the device's first license: tells two devices of one hardware id apart. */
  deviceId: token,
  deviceName: name,
  userName: name.nullable(),
  /** The time of the record that issued or last renewed it. */
  issuedAt: instant,
  notAfter: instant,
  position: ledgerPosition,
  /** Where the device was merged into another (M1): the hardware id under which the ledger holds the license. */
  holder: hardwareId.optional(),
});
export type LicenseFacts = z.infer<typeof licenseFacts>;

/** Header `typ` of the compact JWS. */
export const LICENSE_TYP = 'cal+jwt';

/** JWT's registered names where they fit (RFC 7519: times are whole seconds); ours beside them. */
export const licenseClaims = z.object({
  jti: token,
  iss: z.union([serverId, z.literal(UNACTIVATED)]),
  sub: hardwareId,
  iat: z.int().min(0),
  exp: z.int().min(0),
  epoch: z.int().min(0),
  kind: licenseKind,
  mode: z.literal('per-device'),
  version: productVersion,
  pack: keyPackId.nullable(),
  deviceId: token,
  deviceName: name,
  userName: name.nullable(),
  generation,
  sequence: z.int().min(0),
  holder: hardwareId.optional(),
});
export type LicenseClaims = z.infer<typeof licenseClaims>;

const seconds = (ms: number): number => Math.floor(ms / 1000);

/** The canonical payload of a license. */
export const claimsOf = (l: LicenseFacts): LicenseClaims => ({
  jti: l.licenseId,
  iss: l.licenseServerId,
  sub: l.hardwareId,
  iat: seconds(l.issuedAt),
  exp: seconds(l.notAfter),
  epoch: l.epoch,
  kind: l.kind,
  mode: l.mode,
  version: l.version,
  pack: l.keyPackId,
  deviceId: l.deviceId,
  deviceName: l.deviceName,
  userName: l.userName,
  generation: l.position.generation,
  sequence: l.position.sequence,
  ...(l.holder === undefined ? {} : { holder: l.holder }),
});

/** What a license says of itself, as the facts it was signed from; times are whole seconds there. */
export const factsOf = (c: LicenseClaims): LicenseFacts => ({
  licenseId: c.jti,
  licenseServerId: c.iss,
  epoch: c.epoch,
  kind: c.kind,
  mode: c.mode,
  version: c.version,
  keyPackId: c.pack,
  hardwareId: c.sub,
  deviceId: c.deviceId,
  deviceName: c.deviceName,
  userName: c.userName,
  issuedAt: c.iat * 1000,
  notAfter: c.exp * 1000,
  position: { generation: c.generation, sequence: c.sequence },
  ...(c.holder === undefined ? {} : { holder: c.holder }),
});
