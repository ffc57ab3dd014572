// The commands that an operator gives to the inventory leader. Each one is recorded in the ledger, with its author and reason.

import {
  inventoryConfirmClock,
  inventoryMergeDevices,
  inventoryReleaseReserve,
  inventoryRevoke,
  inventorySettings,
  inventoryUndoMerge,
} from '@calbus/contracts/inventory-command-messages';
import type { SettingsChange } from '@calbus/contracts/settings';
import type { OperatorClient } from './client.ts';
import { newId } from './ids.ts';
import { Problem } from './problem.ts';

export type Authorship = { readonly by: string; readonly why: string };

/** The refusal says when the next revocation is possible. The added sentence names the other way. */
const withLimitAdvice = (error: unknown): unknown =>
  error instanceof Problem && error.code === 'REVOCATION_LIMIT'
    ? new Problem(
        error.code,
        `${error.message} To lift the limit: calbus settings set revocationLimit=none.`,
        error.facts,
      )
    : error;

/** R1: ends a full Per Device license early. Its CAL is free at once. */
export const revokeLicense = async (operator: OperatorClient, licenseId: string, a: Authorship) => {
  try {
    return await operator.sendToLeader(inventoryRevoke, { commandId: newId(), licenseId, ...a });
  } catch (error) {
    throw withLimitAdvice(error);
  }
};

/** M1: two hardware ids are one device. */
export const mergeDevices = (
  operator: OperatorClient,
  devices: { readonly from: string; readonly into: string },
  a: Authorship,
) => operator.sendToLeader(inventoryMergeDevices, { commandId: newId(), ...devices, ...a });

/** M2: takes a merge back. */
export const undoMerge = (operator: OperatorClient, from: string, a: Authorship) =>
  operator.sendToLeader(inventoryUndoMerge, { commandId: newId(), from, ...a });

export const changeSettings = (operator: OperatorClient, changes: SettingsChange, a: Authorship) =>
  operator.sendToLeader(inventorySettings, { commandId: newId(), changes, ...a });

/** The operator states that the leader's clock is right. */
export const confirmClock = (operator: OperatorClient, a: Authorship) =>
  operator.sendToLeader(inventoryConfirmClock, { commandId: newId(), ...a });

/** Frees the CALs that are reserved for licenses which devices show again after a loss. */
export const releaseReserve = (operator: OperatorClient, a: Authorship) =>
  operator.sendToLeader(inventoryReleaseReserve, { commandId: newId(), ...a });
