// One signature for all licenses of one message. Each license keeps its own, by which it is verified wherever it is shown later; but
// whoever was sent several at once need verify only this one, and verifying is the dearest part of a license.

import { hash, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { UNACTIVATED } from '@calbus/contracts/license';
import { openJws, signJws, verifyJws } from './jws.ts';
import { areKnown, issuingKeyOf, vouchFor, type LicenseTrust } from './licenses.ts';

/** Header `typ` of the compact JWS. */
export const LICENSE_BATCH_TYP = 'cal-licenses+jwt';
const payload = z.object({ sha256: z.string().length(43) });

/** Of the licenses in their order; none of them contains a line feed. */
const digestOf = (licenses: readonly string[]): string => hash('sha256', licenses.join('\n'), 'base64url');

/** Says of `licenses` that the holder of `key`, named `kid`, signed every one of them. */
export const signBatch = (key: KeyObject, kid: string, licenses: readonly string[]): string =>
  signJws(key, { typ: LICENSE_BATCH_TYP, kid }, { sha256: digestOf(licenses) });

/**
 * Where `signature` is of exactly these licenses and of a key that may sign licenses, each counts as verified under that key from now on;
 * everything else about it is still asked by checkLicense. Where not, nothing changes and each is verified by itself. Never throws.
 */
export const verifyBatch = (licenses: readonly string[], signature: string, trust: LicenseTrust): void => {
  // Before the activation a chain is taken for the licenses of that time only, which checkLicense knows and this does not.
  if (trust.licenseServerId === UNACTIVATED) return;
  const opened = openJws(signature);
  const key = issuingKeyOf(opened?.header.kid ?? '', trust);
  if (!opened || !key || areKnown(key, licenses)) return;
  if (payload.safeParse(opened.payload).data?.sha256 !== digestOf(licenses)) return;
  if (verifyJws(opened, LICENSE_BATCH_TYP, key)) vouchFor(key, licenses);
};
