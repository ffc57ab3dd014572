// The license that a record issues or renews. The rules answer with it, and the state keeps it: both build it here.

import type { AllocationResult } from '@calbus/contracts/allocation-messages';
import { licenseFactsFor } from './merges.ts';
import { positionOf, type BatchPosition, type RecordOf } from './outcomes.ts';
import { identityOf, issuingIdentity, type Head } from './state.ts';
import type { License } from './tables/license.ts';

export type IssueRecord = RecordOf<'temporary-issued'> | RecordOf<'full-issued'>;

export const issuedLicense = (head: Head, r: IssueRecord, batch: BatchPosition): License => {
  const { licenseServerId, epoch } = issuingIdentity(head, batch.at);
  return {
    licenseId: r.licenseId,
    licenseServerId,
    epoch,
    kind: r.kind === 'full-issued' ? 'full' : 'temporary',
    mode: 'per-device',
    version: r.version,
    keyPackId: r.kind === 'full-issued' ? r.keyPackId : null,
    hardwareId: r.hardwareId,
    deviceId: r.deviceId,
    deviceName: r.deviceName,
    userName: r.userName,
    issuedAt: batch.at,
    notAfter: r.notAfter,
    position: positionOf(batch),
    validated: false,
    ended: 'no',
  };
};

export const renewedLicense = (
  head: Head,
  license: License,
  r: RecordOf<'renewed'>,
  batch: BatchPosition,
): License => ({
  ...license,
  ...identityOf(head),
  issuedAt: batch.at,
  notAfter: r.notAfter,
  position: positionOf(batch),
});

/** The outcome of the request that a record answers with its license. */
export const licenseOutcome = (
  r: { readonly askedAs?: string | undefined },
  license: License,
): AllocationResult => ({
  kind: 'license',
  license: licenseFactsFor(r.askedAs ?? license.hardwareId, license),
});
