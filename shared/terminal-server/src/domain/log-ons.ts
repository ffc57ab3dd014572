// Reported log-ons from devices with a temporary license that no decision has confirmed yet (D5).

import { z } from 'zod';
import { hardwareId, token } from '@calbus/contracts/tokens';

export const storedLogOn = z.object({
  licenseId: token,
  hardwareId,
  /** Every repeat of the report has the same id. */
  requestId: token,
});
export type StoredLogOn = z.infer<typeof storedLogOn>;

/** Above this number the oldest reports are dropped. */
const MOST = 5_000;

export const logOnReported = (all: readonly StoredLogOn[], l: StoredLogOn): readonly StoredLogOn[] =>
  all.some((x) => x.licenseId === l.licenseId) ? all : [...all.slice(-MOST + 1), l];

export const logOnConfirmed = (all: readonly StoredLogOn[], licenseId: string): readonly StoredLogOn[] =>
  all.some((x) => x.licenseId === licenseId) ? all.filter((x) => x.licenseId !== licenseId) : all;
