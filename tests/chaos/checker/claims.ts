// The claims of a license as they must be, worked out from the folded record, and as they are inside a signed license.

import { isDeepStrictEqual } from 'node:util';
import type { Decision } from '@calbus/terminal-server/client';
import type { FoldedLicense } from './fold.ts';

const expected = (l: FoldedLicense): Record<string, unknown> => ({
  jti: l.licenseId,
  iss: l.licenseServerId,
  sub: l.hardwareId,
  iat: Math.floor(l.issuedAt / 1000),
  exp: Math.floor(l.notAfter / 1000),
  epoch: l.epoch,
  kind: l.kind,
  mode: 'per-device',
  version: l.version,
  pack: l.keyPackId,
  deviceId: l.deviceId,
  deviceName: l.deviceName,
  userName: l.userName,
  generation: l.generation,
  sequence: l.sequence,
});

const claimsIn = (jws: string): Record<string, unknown> | undefined => {
  try {
    const part = jws.split('.')[1] ?? '';
    return JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
  } catch {
    return undefined;
  }
};

/** Why an outcome is not this license; undefined where it is. The signature is checked by whoever recorded the answer. */
export const notThisLicense = (outcome: Decision['outcome'], l: FoldedLicense): string | undefined => {
  if (outcome.kind !== 'license')
    return `the answer is ${outcome.kind}, the ledger says license ${l.licenseId}`;
  const said = [outcome.licenseId, outcome.licenseKind, outcome.version, outcome.keyPackId];
  const held = [l.licenseId, l.kind, l.version, l.keyPackId];
  if (!isDeepStrictEqual(said, held))
    return `the answer says ${said.join(' ')}, the ledger ${held.join(' ')}`;
  if (outcome.hardwareId !== l.hardwareId) return `the answer is for ${outcome.hardwareId}`;
  if (outcome.notAfter !== l.notAfter) return `the answer ends at ${outcome.notAfter}, not ${l.notAfter}`;
  const claims = claimsIn(outcome.license);
  const wanted = expected(l);
  const wrong = Object.keys(wanted).filter((k) => !isDeepStrictEqual(claims?.[k], wanted[k]));
  return wrong.length === 0 ? undefined : `the signed license differs from the ledger in ${wrong.join(', ')}`;
};
