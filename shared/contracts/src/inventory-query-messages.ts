// Queries about settings, key packs, licenses, terminal servers and trust. Any inventory replica answers them.

import { z } from 'zod';
import { contract } from './envelope.ts';
import { grace } from './ledger.ts';
import { UNACTIVATED, licenseKind } from './license.ts';
import { reportedSettings, settingsChange, terminalServerSettings } from './settings.ts';
import {
  certificatePem,
  hardwareId,
  instant,
  keyPackId,
  ledgerPosition,
  licensingMode,
  name,
  serverId,
  token,
} from './tokens.ts';
import { productVersion } from './versions.ts';

export const querySettings = contract(
  'inventory.query.settings',
  1,
  'Which settings are in force, and who changed them when.',
  z.object({}),
  1_024,
);

export const inventoryCurrentSettings = contract(
  'inventory.settings-are',
  1,
  'The settings in force at a position of the ledger, and their changes, newest first.',
  z.object({
    position: ledgerPosition,
    settings: reportedSettings,
    changes: z
      .array(
        z.object({
          at: instant,
          sequence: z.int().min(1),
          changes: settingsChange,
          by: name,
          why: z.string().max(500),
        }),
      )
      .max(1_000),
  }),
  4_194_304,
);

export const queryPacks = contract(
  'inventory.query.packs',
  1,
  'Which key packs are installed.',
  z.object({}),
  1_024,
);

export const installedPack = z.object({
  keyPackId,
  version: productVersion,
  mode: licensingMode,
  quantity: z.int().min(1),
  /** CALs for readmitted licenses, and CALs that are withheld while the Clearinghouse decides whether it takes them; absent: 0. */
  reserved: z.int().optional(),
  withheld: z.int().optional(),
  issued: z.int().min(0),
  available: z.int().nullable(),
  program: z.string().max(32),
  agreement: z.string().max(64),
  installedAt: instant,
});
export type InstalledPack = z.infer<typeof installedPack>;

export const inventoryPacks = contract(
  'inventory.packs',
  1,
  'The installed key packs at a position of the ledger. `available` is null where nothing is counted (Per User, unmonitored).',
  z.object({ position: ledgerPosition, packs: z.array(installedPack).max(10_000) }),
  4_194_304,
);

export const queryLicenses = contract(
  'inventory.query.licenses',
  1,
  'Which licenses are held, by device or by user name.',
  z.object({
    /** A hardware id, or the start of a device name. */
    device: name.optional(),
    user: name.optional(),
    /** A license id. */
    license: token.optional(),
    limit: z.int().min(1).max(1_000).default(100),
  }),
  4_096,
);

export const heldLicense = z.object({
  licenseId: token,
  kind: licenseKind,
  state: z.enum(['live', 'ended']),
  /** By what it ended; absent where by time alone, or not at all. */
  ended: z.enum(['superseded', 'returned', 'revoked', 'merged']).optional(),
  validated: z.boolean(),
  version: productVersion,
  keyPackId: keyPackId.nullable(),
  hardwareId,
  deviceName: name,
  userName: name.nullable(),
  issuedAt: instant,
  notAfter: instant,
  position: ledgerPosition,
});
export type HeldLicense = z.infer<typeof heldLicense>;

export const queryTerminalServers = contract(
  'inventory.query.terminal-servers',
  1,
  'The known terminal servers, each with its status.',
  z.object({
    /** Only this one. */
    terminalServerId: token.optional(),
    limit: z.int().min(1).max(1_000).default(100),
  }),
  4_096,
);

/** What was decided for a terminal server, and how it last said that it stands. */
export const knownTerminalServer = z.object({
  terminalServerId: token,
  /** Licenses that were given through it, and recorded refusals with their repeats. */
  temporary: z.int().min(0),
  full: z.int().min(0),
  renewed: z.int().min(0),
  refused: z.int().min(0),
  /** Absent where it never said; a mode of null is one that is not configured. */
  standing: z
    .object({ version: productVersion, mode: licensingMode.nullable(), grace, at: instant })
    .optional(),
});
export type KnownTerminalServer = z.infer<typeof knownTerminalServer>;

export const inventoryTerminalServers = contract(
  'inventory.terminal-servers',
  1,
  'Terminal servers at a position of the ledger, by their ids; `more` says that the limit cut the list.',
  z.object({
    position: ledgerPosition,
    terminalServers: z.array(knownTerminalServer).max(1_000),
    more: z.boolean(),
  }),
  1_048_576,
);

/** A user recorded against the Per User CALs of a version. */
export const recordedUser = z.object({
  userKey: name,
  version: productVersion,
  state: z.enum(['live', 'ended']),
  recordedAt: instant,
  notAfter: instant,
  position: ledgerPosition,
});
export type RecordedUser = z.infer<typeof recordedUser>;

export const inventoryLicenses = contract(
  'inventory.licenses',
  1,
  'Licenses held at a position of the ledger; `more` says that the limit cut the list.',
  z.object({
    position: ledgerPosition,
    licenses: z.array(heldLicense).max(1_000),
    /** Users recorded against Per User CALs, where no device was asked for. */
    users: z.array(recordedUser).max(1_000).optional(),
    more: z.boolean(),
  }),
  1_048_576,
);

export const queryTrust = contract(
  'inventory.query.trust',
  1,
  'What of the ledger belongs into a trust snapshot.',
  z.object({}),
  1_024,
);

export const inventoryTrust = contract(
  'inventory.trust',
  1,
  'Generation, epoch, certificates by epoch, and licenses ended early that are still in date.',
  z.object({
    position: ledgerPosition,
    licenseServerId: z.union([serverId, z.literal(UNACTIVATED)]),
    epoch: z.int().min(0),
    /** One chain per epoch, oldest first. */
    chains: z.array(
      z.object({ epoch: z.int().min(1), serverId, chain: z.array(certificatePem).min(1).max(4) }),
    ),
    ended: z.array(z.object({ licenseId: token, notAfter: instant })).max(10_000),
    settings: terminalServerSettings.optional(),
    trustRevision: z.int().min(0),
  }),
  1_048_576,
);
