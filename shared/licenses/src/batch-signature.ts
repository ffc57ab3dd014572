// One signature for all licenses of one message. Each license keeps its own signature, which later readers verify. The first
// receiver verifies only this one, because a signature costs more than all other checks of a license.

import { hash, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { signJws, verifyJws, type OpenedJws } from './jws.ts';

/** Header `typ` of the compact JWS. */
export const LICENSE_BATCH_TYP = 'cal-licenses+jwt';
const payload = z.object({ sha256: z.string().length(43) });

/** Covers the licenses in their order; no license contains a line feed. */
const digestOf = (licenses: readonly string[]): string => hash('sha256', licenses.join('\n'), 'base64url');

/** States that the holder of `key`, named `kid`, signed each of `licenses`. */
export const signBatch = (key: KeyObject, kid: string, licenses: readonly string[]): string =>
  signJws(key, { typ: LICENSE_BATCH_TYP, kid }, { sha256: digestOf(licenses) });

/** Whether `key` signed exactly these licenses in this order. */
export const isBatchSignature = (opened: OpenedJws, key: KeyObject, licenses: readonly string[]): boolean =>
  payload.safeParse(opened.payload).data?.sha256 === digestOf(licenses) &&
  verifyJws(opened, LICENSE_BATCH_TYP, key);
