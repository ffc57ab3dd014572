// All scenarios, by group.

import type { Scenario } from '../scenario.ts';
import { scenarios as admissionChecks } from './admission-checks.ts';
import { scenarios as deviceMerge } from './device-merge.ts';
import { scenarios as life } from './life.ts';
import { scenarios as perDevice } from './per-device.ts';
import { scenarios as perUser } from './per-user.ts';
import { scenarios as presentedLicense } from './presented-license.ts';
import { scenarios as revocation } from './revocation.ts';
import { scenarios as terminalServer } from './terminal-server.ts';
import { scenarios as versions } from './versions.ts';

export const groups: Readonly<Record<string, readonly Scenario[]>> = {
  'before the tables': admissionChecks,
  'a presented license': presentedLicense,
  'Per Device': perDevice,
  'Per User': perUser,
  versions,
  'at the terminal server': terminalServer,
  revocation,
  'merged devices': deviceMerge,
  'more than one rule': life,
};

/** The scenarios that are told on a deployment too. */
export const deployedScenarios: readonly Scenario[] = Object.values(groups)
  .flat()
  .filter((s) => s.setup.wire !== undefined);
