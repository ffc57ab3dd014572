// What the services and the operator's command say to inventory. Commands go to the leader of a term,
// queries to any replica.

import { z } from 'zod';
import { contract } from './envelope.ts';
import { faultCode } from './faults.ts';
import { licenseFacts, licenseKind, UNACTIVATED } from './license.ts';
import { refusalCode } from './refusals.ts';
import { rowId } from './rows.ts';
import { grace } from './ledger.ts';
import { perUserMode, settingsChange, reportedSettings, terminalServerSettings } from './settings.ts';
import {
  certificatePem,
  compactJws,
  generation,
  hardwareId,
  instant,
  keyPackId,
  ledgerPosition,
  licensingMode,
  name,
  serverId,
  sha256,
  token,
} from './tokens.ts';
import { productVersion } from './versions.ts';
import { lossEvidence, MAX_EVIDENCE } from './witness.ts';

/** What an issuer found a presented license to be; only a genuine one is a proof of anything (N1). */
export const presentedProof = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('none') }),
  z.object({ kind: z.literal('not-genuine'), why: z.string().max(200) }),
  z.object({
    kind: z.literal('genuine'),
    licenseId: token,
    deviceId: token,
    position: ledgerPosition,
    /** What else it says, where it is of another life of the ledger than the present one (N4). */
    license: licenseFacts.optional(),
  }),
]);

/** One request as the issuer understood it. The terminal server's id comes from the subject. */
export const allocation = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('license'),
    requestId: token,
    terminalServerId: token,
    mode: licensingMode,
    version: productVersion,
    hardwareId,
    deviceName: name,
    /** Domain-qualified and case-folded; the key of a Per User license. */
    userKey: name.nullable(),
    authenticatedBy: name.nullable(),
    presented: presentedProof,
    validatedLicenseId: token.nullable(),
  }),
  z.object({
    kind: z.literal('validated'),
    requestId: token,
    terminalServerId: token,
    licenseId: token,
    hardwareId,
  }),
  /** N4: a license on which a terminal server let a client in, and which is of an earlier life of the ledger. */
  z.object({
    kind: z.literal('relearn'),
    requestId: token,
    terminalServerId: token,
    license: licenseFacts,
  }),
  /** A terminal server says how it stands. */
  z.object({
    kind: z.literal('stands'),
    requestId: token,
    terminalServerId: token,
    version: productVersion,
    mode: licensingMode.nullable(),
    grace,
  }),
]);
export type Allocation = z.infer<typeof allocation>;

/** The most requests one allocate command may carry; an issuer's prefetch is no larger. */
export const MAX_ALLOCATIONS = 256;

export const inventoryAllocate = contract(
  'inventory.allocate',
  1,
  'An issuer asks the leader to decide a batch of requests.',
  z.object({ items: z.array(allocation).min(1).max(MAX_ALLOCATIONS) }),
  524_288,
);

export const allocationOutcome = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('license'), license: licenseFacts }),
  z.object({
    kind: z.literal('per-user'),
    userKey: name,
    version: productVersion,
    notAfter: instant.nullable(),
  }),
  z.object({ kind: z.literal('validated'), licenseId: token }),
  /** N4, T0: the ledger has it now, or had it. */
  z.object({ kind: z.literal('noted') }),
  z.object({ kind: z.literal('refused'), code: refusalCode }),
]);
export type AllocationOutcome = z.infer<typeof allocationOutcome>;

export const allocationAnswer = z.object({
  requestId: token,
  row: rowId,
  decidedAt: instant,
  position: ledgerPosition,
  outcome: allocationOutcome,
});
export type AllocationAnswer = z.infer<typeof allocationAnswer>;

export const inventoryAllocated = contract(
  'inventory.allocated',
  1,
  'The outcomes of an allocate command, in the order of its items, after their records were committed.',
  z.object({ items: z.array(allocationAnswer).max(MAX_ALLOCATIONS) }),
  1_048_576,
);

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
  'Free CALs of a key pack are to be given to nobody, while the Clearinghouse is asked to take them.',
  z.object({ commandId: token, keyPackId, quantity: z.int().min(1).max(1_000_000), by: name }),
);

export const inventorySettleWithheld = contract(
  'inventory.settle-withheld',
  1,
  'What came of CALs that were withheld: the Clearinghouse has taken them, or has not.',
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
const why = z.string().max(500).default('');

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

/** The most messages one command of a restore carries. */
export const MAX_RESTORE_MESSAGES = 500;

/** A place of the ledger with its hash; the ledger's end, or null where it is empty. */
export const ledgerEnd = z.object({ generation, sequence: z.int().min(1), hash: sha256 }).nullable();
export type LedgerEnd = z.infer<typeof ledgerEnd>;

export const inventoryAcceptLoss = contract(
  'inventory.accept-loss',
  1,
  'An operator accepts that what witnesses have seen beyond the end of the ledger is lost: a new generation begins.',
  z.object({
    commandId: token,
    /** Where the ledger ended when the operator was shown what is lost. */
    survives: ledgerEnd,
    by: name,
    why,
  }),
);

/** The most bytes of messages that one command of a restore carries, before base64. */
export const MAX_RESTORE_BYTES = 786_432;

export const inventoryRestore = contract(
  'inventory.restore',
  1,
  'An operator puts messages of a backup back into an empty ledger, in order and as they were; with the last of them a new generation begins.',
  z.object({
    commandId: token,
    /** Where the ledger of the backup ends; the same in each command of one restore. */
    upTo: ledgerEnd.unwrap(),
    messages: z
      .array(z.object({ sequence: z.int().min(1), bytes: z.string().max(400_000) }))
      .max(MAX_RESTORE_MESSAGES),
    /** Given once all messages are back. */
    finish: z.object({ backup: z.object({ madeAt: instant, madeBy: name }) }).optional(),
    by: name,
    why,
  }),
  2_097_152,
);

export const serviceFault = contract(
  'service.fault',
  1,
  'A request to a service could not be handled. Not a decision: nothing is known to have changed.',
  z.object({ code: faultCode, says: z.string().max(500) }),
);

export const leaderHeartbeat = contract(
  'inventory.head',
  1,
  'Four times a second: who leads, and how far the ledger is.',
  z.object({
    term: z.int().min(1),
    replica: token,
    generation,
    sequence: z.int().min(0),
    hash: sha256,
    time: instant,
    /** Changes whenever the trust snapshot would. */
    trustRevision: z.int().min(0),
    /** How many lives the ledger has had, this one included: one more with each loss that was accepted. Absent: 1. */
    life: z.int().min(1).optional(),
    /** `loss`: something of the ledger is lost, so this replica takes no commands but an operator's. Absent: it leads. */
    standing: z.enum(['leading', 'loss']).optional(),
  }),
  4_096,
);

export const poolCounts = z.object({
  version: productVersion,
  mode: licensingMode,
  installed: z.int(),
  issued: z.int(),
  available: z.int(),
  temporary: z.int(),
  /** Licenses that were revoked and are not past their end; absent: none. */
  revoked: z.int().optional(),
  /** CALs kept for licenses that are learned again; absent: none. */
  reserved: z.int().optional(),
  /** Licenses learned again for which there was no CAL; absent: none. */
  deficit: z.int().optional(),
  /** CALs given to nobody while the Clearinghouse is asked to take them; absent: none. */
  withheld: z.int().optional(),
});
export type PoolCounts = z.infer<typeof poolCounts>;

/** What a replica compares its clock with. */
export const clockSources = ['own-elapsed', 'ledger', 'nats', 'replica'] as const;
export type ClockSource = (typeof clockSources)[number];

export const queryStatus = contract(
  'inventory.query.status',
  1,
  'How inventory stands.',
  z.object({}),
  1_024,
);

export const inventoryStatus = contract(
  'inventory.status',
  1,
  'How this replica stands, and what it holds at its position.',
  z.object({
    replica: token,
    role: z.enum(['leader', 'standby', 'starting']),
    term: z.int().min(0),
    position: ledgerPosition,
    hash: sha256,
    ledgerTime: instant,
    activation: z.object({ serverId, epoch: z.int().min(1), certificateNotAfter: instant }).nullable(),
    /** It was deactivated since; absent: it was not. */
    deactivated: z.literal(true).optional(),
    /** It was put back from a backup, and not activated anew since; absent: it was not. */
    restored: z.literal(true).optional(),
    devices: z.int().min(0),
    licenses: z.object({ temporary: z.int(), full: z.int() }),
    keyPacks: z.int().min(0),
    pools: z.array(poolCounts),
    /** Whether Per User CALs are counted; absent: they are not. */
    perUser: perUserMode.optional(),
    voidMessages: z.int().min(0),
    /** False where the NATS server is older than 2.10: acknowledged licenses can be lost on power failure. */
    durable: z.boolean(),
    /** Behind while Redis is written anew, slow, full or read-only; the counts in it are then those of `cacheAsOf`. */
    cache: z.enum(['current', 'behind', 'unreachable']),
    /** The ledger time at which the live counts are true, as this replica last saw them. */
    cacheAsOf: instant.optional(),
    /** From what the leader's clock departs, and by how many milliseconds; while there is anything, no CAL is returned. */
    clockSuspect: z
      .array(z.object({ source: z.enum(clockSources), departsBy: z.int() }))
      .max(8)
      .optional(),
    /** For trials: by how many milliseconds the replica's clock is moved; absent where it is not. */
    clockOffset: z.int().optional(),
    /** How full the storage of the ledger is, from 0 to 1; absent where it has no limit, or on a standby. */
    storageUsed: z.number().min(0).optional(),
    /** Present while this replica holds the lead and does not use it: what witnesses have seen that the ledger has not. */
    loss: z
      .object({ term: z.int().min(1), evidence: z.array(lossEvidence).min(1).max(MAX_EVIDENCE) })
      .optional(),
  }),
);

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
  /** Kept for licenses that are learned again, or given to nobody while the Clearinghouse is asked to take them; absent: none. */
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
  'Which terminal servers are known, and how they stand.',
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

/** The most messages one answer to inventory.query.ledger carries; their bytes are bounded, too. */
export const MAX_LEDGER_PAGE = 2_000;
export const MAX_LEDGER_PAGE_BYTES = 786_432;

export const queryLedger = contract(
  'inventory.query.ledger',
  1,
  'The messages of the ledger as they are stored, VOID ones included, from a sequence on.',
  z.object({
    from: z.int().min(1),
    limit: z.int().min(1).max(MAX_LEDGER_PAGE).default(MAX_LEDGER_PAGE),
  }),
  1_024,
);

export const ledgerMessage = z.object({
  sequence: z.int().min(1),
  /** When NATS stored it; the batch within says its ledger time. */
  storedAt: instant,
  /** Base64. */
  bytes: z.string().max(400_000),
});

export const inventoryLedger = contract(
  'inventory.ledger',
  1,
  'A page of the ledger. Fewer messages than asked for are not the end of it; the end is `last`.',
  z.object({
    messages: z.array(ledgerMessage).max(MAX_LEDGER_PAGE),
    /** The sequence of the last message there is; 0 where there is none. */
    last: z.int().min(0),
    /** How far the replica that answers has folded. */
    position: ledgerPosition,
    hash: sha256,
  }),
  2_097_152,
);
