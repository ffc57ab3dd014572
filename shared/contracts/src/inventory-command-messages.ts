// Commands to the inventory leader from the liaison and from operators. The leader records each once.

import { z } from 'zod';
import { contract } from './envelope.ts';
import { refusalCode } from './refusals.ts';
import { settingsChange } from './settings.ts';
import {
  certificatePem,
  compactJws,
  hardwareId,
  instant,
  keyPackId,
  ledgerPosition,
  name,
  serverId,
  token,
} from './tokens.ts';

export const inventoryActivation = contract(
  'inventory.activation',
  1,
  'The liaison tells the leader under which id, epoch and certificate this license server is activated.',
  z.object({
    commandId: token,
    serverId,
    epoch: z.int().min(1),
    /** The license server certificate first; the last is signed by, or is, the Clearinghouse root. */
    chain: z.array(certificatePem).min(1).max(4),
    by: name,
  }),
);

export const inventoryInstall = contract(
  'inventory.install',
  1,
  'The liaison hands the leader a key pack signed by the Clearinghouse; the leader verifies it itself.',
  z.object({
    commandId: token,
    keyPack: compactJws,
    by: name,
    /** It was recovered: its CALs are kept for licenses that are learned again. */
    recovered: z.boolean().optional(),
  }),
);

export const inventoryDeactivation = contract(
  'inventory.deactivation',
  1,
  'The liaison tells the leader that the Clearinghouse has deactivated this license server.',
  z.object({ commandId: token, by: name }),
);

export const inventoryWithhold = contract(
  'inventory.withhold',
  1,
  'The leader withholds free CALs of a key pack while the Clearinghouse decides whether it takes them.',
  z.object({ commandId: token, keyPackId, quantity: z.int().min(1).max(1_000_000), by: name }),
);

export const inventorySettleWithheld = contract(
  'inventory.settle-withheld',
  1,
  'The outcome for withheld CALs: the Clearinghouse has taken them, or has not.',
  z.object({ commandId: token, outcome: z.enum(['removed', 'given-back']) }),
);

export const inventoryReleaseReserve = contract(
  'inventory.release-reserve',
  1,
  'An operator frees the CALs that are kept for licenses which are learned again; so many more than were bought may then be in use.',
  z.object({ commandId: token, by: name, why: z.string().max(500).default('') }),
);

export const inventoryAccepted = contract(
  'inventory.accepted',
  1,
  'A command to inventory is recorded; `repeated` says that it already had been.',
  z.object({ position: ledgerPosition, repeated: z.boolean() }),
);

export const inventoryRefused = contract(
  'inventory.refused',
  1,
  'Inventory refuses a command; nothing changed.',
  z.object({
    code: refusalCode,
    detail: z.string().max(500),
    /** Of REVOCATION_LIMIT: when the next license may be revoked. */
    nextRevokeAllowedOn: instant.optional(),
  }),
);

/** An operator's reason for what they do; it is kept in the ledger. */
export const why = z.string().max(500).default('');

export const inventorySettings = contract(
  'inventory.settings',
  1,
  'An operator changes settings; in force with the next decision, everywhere.',
  z.object({ commandId: token, changes: settingsChange, by: name, why }),
);

export const inventoryConfirmClock = contract(
  'inventory.confirm-clock',
  1,
  "An operator says that the leader's clock is right: CALs of ended licenses are returned again.",
  z.object({ commandId: token, by: name, why }),
);

export const inventoryRevoke = contract(
  'inventory.revoke',
  1,
  'R1: an operator ends a full Per Device license early; its CAL is free at once.',
  z.object({ commandId: token, licenseId: token, by: name, why }),
);

export const inventoryMergeDevices = contract(
  'inventory.merge-devices',
  1,
  'M1: an operator says that two hardware ids are one device: whatever `from` asks for is asked by `into` from now on.',
  z.object({ commandId: token, from: hardwareId, into: hardwareId, by: name, why }),
);

export const inventoryUndoMerge = contract(
  'inventory.undo-merge',
  1,
  'M2: an operator takes a merge back; where that gives a license back a CAL must be free.',
  z.object({ commandId: token, from: hardwareId, by: name, why }),
);
