// What the contenders that grant are asked and what they answer: calbus' own messages, so that both sides carry and sign the same.

import { randomBytes, type KeyObject } from 'node:crypto';
import { decode, encode, type Body } from '@calbus/contracts/envelope';
import { licenseDecision, licenseRequest } from '@calbus/contracts/terminal-server-messages';
import { newId } from '@calbus/runtime/ids';
import { signLicense } from '@calbus/licenses/license-signature';

/** Of the one pool there is, and of every terminal server. */
export const VERSION = '2022';
/** More than any benchmark asks for. */
export const POOL_TOTAL = 10_000_000;

const DAY = 86_400_000;
const LASTS = 60 * DAY;
const PACK = 'K7P3WN9XQ2M5TB8R4HJ6YVC1DFGZLA0E7SU';
const LICENSE_SERVER = 'S4V8NB2KX6QW9TR3MZ7HJ5PYC1DFGLA0E2U';
const GENERATION = newId();
const TERMINAL_SERVER = 'bench';

/** A request of a device that nobody has seen. */
export const newRequest = (): Uint8Array => {
  const requestId = newId();
  const hardwareId = `00000104${randomBytes(16).toString('hex')}`;
  return encode(
    licenseRequest,
    { id: newId(), correlationId: requestId, sentAt: Date.now() },
    {
      requestId,
      waitsMs: 8_000,
      mode: 'per-device',
      version: VERSION,
      device: { hardwareId, name: `desk-${hardwareId.slice(-6)}` },
      user: { name: 'ada', domain: 'EXAMPLE', authenticatedBy: 'pam' },
    },
  );
};

export type Request = Body<typeof licenseRequest>;

/** Undefined where the bytes are no request. */
export const readRequest = (bytes: Uint8Array): Request | undefined => {
  const decoded = decode([licenseRequest], bytes);
  return decoded.ok ? decoded.message.body : undefined;
};

export type Grant = {
  readonly licenseId: string;
  readonly issuedAt: number;
  readonly notAfter: number;
};

export const newGrant = (): Grant => {
  const issuedAt = Date.now();
  return { licenseId: newId(), issuedAt, notAfter: issuedAt + LASTS };
};

const decision = (
  request: Request,
  decidedAt: number,
  sequence: number,
  row: Body<typeof licenseDecision>['row'],
  outcome: Body<typeof licenseDecision>['outcome'],
): Uint8Array => {
  const { requestId } = request;
  const position = { generation: GENERATION, sequence };
  return encode(
    licenseDecision,
    { id: newId(), correlationId: requestId, sentAt: Date.now() },
    { requestId, terminalServerId: TERMINAL_SERVER, row, decidedAt, position, outcome },
  );
};

/** `sequence`: which grant of the pool it is. */
export const granted = (key: KeyObject, request: Request, grant: Grant, sequence: number): Uint8Array => {
  const { licenseId, issuedAt, notAfter } = grant;
  const { hardwareId, name } = request.device;
  const license = signLicense(key, 'bench', {
    licenseId,
    licenseServerId: LICENSE_SERVER,
    epoch: 1,
    kind: 'full',
    mode: 'per-device',
    version: VERSION,
    keyPackId: PACK,
    hardwareId,
    deviceId: newId(),
    deviceName: name,
    userName: request.user?.name ?? null,
    issuedAt,
    notAfter,
    position: { generation: GENERATION, sequence },
  });
  return decision(request, issuedAt, sequence, 'D6', {
    kind: 'license',
    license,
    licenseId,
    licenseKind: 'full',
    version: VERSION,
    keyPackId: PACK,
    hardwareId,
    notAfter,
  });
};

export const refused = (request: Request): Uint8Array =>
  decision(request, Date.now(), POOL_TOTAL, 'D10', {
    kind: 'refused',
    code: 'NO_LICENSE_AVAILABLE',
    says: 'There is no license left in the pool.',
    again: 'after-change',
  });

/** Throws where the answer is anything but a license. */
export const expectLicense = (answer: Uint8Array): void => {
  const decoded = decode([licenseDecision], answer);
  if (!decoded.ok)
    throw new Error(`It answered no decision: ${Buffer.from(answer).toString().slice(0, 200)}`);
  const { outcome } = decoded.message.body;
  if (outcome.kind !== 'license') throw new Error(`It granted nothing, but answered "${outcome.kind}".`);
};
