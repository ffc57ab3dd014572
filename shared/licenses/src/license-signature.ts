// Signs licenses.

import type { KeyObject } from 'node:crypto';
import { claimsOf, LICENSE_TYP, type LicenseFacts } from '@calbus/contracts/license';
import { signJws } from './jws.ts';

/** The license of `facts`, signed under the issuing key named `kid`. The same key and facts give the same bytes. */
export const signLicense = (key: KeyObject, kid: string, facts: LicenseFacts): string =>
  signJws(key, { typ: LICENSE_TYP, kid }, claimsOf(facts));
