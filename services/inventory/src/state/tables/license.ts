// A license as inventory holds it, and the device that holds it.

import { HOUR_MS } from '@calbus/contracts/durations';
import type { LicenseFacts } from '@calbus/contracts/license';

export type License = LicenseFacts & {
  /** Temporary licenses: a log-on was reported. */
  readonly validated: boolean;
  /** Ended by a record: superseded by another license, its CAL returned after its end, or ended early by an operator. */
  readonly ended: 'no' | 'superseded' | 'returned' | 'revoked' | 'merged';
};

export type Device = {
  readonly hardwareId: string;
  readonly deviceId: string;
  readonly licenses: readonly License[];
};

/** The part of a license that is signed and told to others. */
export const factsOf = (license: License): LicenseFacts => {
  const { validated: _validated, ended: _ended, ...facts } = license;
  return facts;
};

/** How its end is noted. */
export const expiryOf = ({
  licenseId,
  notAfter,
}: License): { readonly id: string; readonly notAfter: number } => ({
  id: licenseId,
  notAfter,
});

/** Hours are how the state groups ends. */
export const hourOf = (at: number): number => Math.floor(at / HOUR_MS);
