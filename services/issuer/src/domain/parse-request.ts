// What a terminal server's message asks for, once it decodes: the part of it that inventory decides on, or a
// refusal that needs no look into the ledger.

import type { Allocation } from '@calbus/contracts/allocation-messages';
import type { Body } from '@calbus/contracts/envelope';
import { factsOf, type LicenseClaims } from '@calbus/contracts/license';
import type {
  licenseRelearn,
  licenseRequest,
  licenseStands,
  licenseValidated,
} from '@calbus/contracts/terminal-server-messages';
import { isAnonymousHardwareId } from '@calbus/contracts/tokens';

export type PresentedProof = Extract<Allocation, { kind: 'license' }>['presented'];

/** What checking a presented license came to; undefined where none was presented. */
export type PresentedLicense =
  { readonly ok: true; readonly claims: LicenseClaims } | { readonly ok: false; readonly why: string };

/**
 * N1: what does not check, or is another device's or mode's, counts as nothing presented. `generation` is the present life of
 * the ledger, where it is known.
 */
export const proofOf = (
  presented: PresentedLicense | undefined,
  hardwareId: string,
  mode: string,
  generation: string | undefined,
): PresentedProof => {
  if (!presented) return { kind: 'none' };
  if (!presented.ok) return { kind: 'not-genuine', why: presented.why.slice(0, 200) };
  const { claims } = presented;
  if (claims.sub !== hardwareId) return { kind: 'not-genuine', why: 'it is of another device' };
  if (claims.mode !== mode) return { kind: 'not-genuine', why: 'it is of the other licensing mode' };
  return {
    kind: 'genuine',
    licenseId: claims.jti,
    deviceId: claims.deviceId,
    position: { generation: claims.generation, sequence: claims.sequence },
    // The ledger may not hold it (N4).
    ...(generation !== undefined && claims.generation !== generation ? { license: factsOf(claims) } : {}),
  };
};

/** The key of a Per User license: domain-qualified, case-folded. */
export const userKeyOf = (user: { name: string; domain?: string | undefined }): string =>
  (user.domain === undefined ? user.name : `${user.domain}\\${user.name}`).toLowerCase().slice(0, 256);

export type RequestCommand =
  | { readonly kind: 'allocate'; readonly allocation: Allocation }
  | {
      readonly kind: 'refuse';
      readonly row: 'N3';
      readonly code: 'NO_DEVICE_IDENTITY';
      readonly requestId: string;
    }
  | {
      readonly kind: 'refuse';
      readonly row: 'N4';
      readonly code: 'NOT_RELEARNED';
      readonly requestId: string;
    };

export const parseLicenseRequest = (
  terminalServerId: string,
  body: Body<typeof licenseRequest>,
  presented: PresentedLicense | undefined,
  generation: string | undefined,
): RequestCommand => {
  const { requestId, mode, version, device, user } = body;
  if (mode === 'per-device' && isAnonymousHardwareId(device.hardwareId)) {
    return { kind: 'refuse', row: 'N3', code: 'NO_DEVICE_IDENTITY', requestId };
  }
  const allocation: Allocation = {
    kind: 'license',
    requestId,
    terminalServerId,
    mode,
    version,
    hardwareId: device.hardwareId,
    deviceName: device.name,
    userKey: user ? userKeyOf(user) : null,
    authenticatedBy: user?.authenticatedBy ?? null,
    presented: proofOf(presented, device.hardwareId, mode, generation),
    validatedLicenseId: body.validatedLicenseId ?? null,
  };
  return { kind: 'allocate', allocation };
};

export const parseValidatedReport = (
  terminalServerId: string,
  body: Body<typeof licenseValidated>,
): RequestCommand => {
  const { requestId, licenseId, hardwareId } = body;
  return {
    kind: 'allocate',
    allocation: { kind: 'validated', requestId, terminalServerId, licenseId, hardwareId },
  };
};

/** N4. What is not genuine is nothing to learn again. */
export const parseReadmission = (
  terminalServerId: string,
  body: Body<typeof licenseRelearn>,
  checked: PresentedLicense,
): RequestCommand => {
  const { requestId } = body;
  if (!checked.ok) return { kind: 'refuse', row: 'N4', code: 'NOT_RELEARNED', requestId };
  return {
    kind: 'allocate',
    allocation: { kind: 'relearn', requestId, terminalServerId, license: factsOf(checked.claims) },
  };
};

export const parseStatusReport = (
  terminalServerId: string,
  { requestId, version, mode, grace }: Body<typeof licenseStands>,
): RequestCommand => ({
  kind: 'allocate',
  allocation: { kind: 'stands', requestId, terminalServerId, version, mode, grace },
});
