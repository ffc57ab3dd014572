// The state of inventory: what the fold of the ledger has come to. Values in it are never changed in place, only
// replaced, so that a draft and a query can share them.

import type { Outcome } from '@calbus/contracts/allocation-messages';
import { NO_HASH, type Grace } from '@calbus/contracts/ledger';
import { UNACTIVATED } from '@calbus/contracts/license';
import { defaultSettings, type Settings, type SettingsChange } from '@calbus/contracts/settings';
import type { RefusalCode } from '@calbus/contracts/refusals';
import type { LicensingMode } from '@calbus/contracts/tokens';
import type { ProductVersion } from '@calbus/contracts/versions';
import { draftExpiryIndex, ExpiryTable, type ExpiryIndex } from './tables/expiry-index.ts';
import { DeviceTable, OwnerTable } from './tables/device-table.ts';
import type { Device, License } from './tables/license.ts';
import { OutcomeTable } from './tables/outcome-table.ts';
import { draftTable, type Table } from './tables/table.ts';
import { UserTable, type UserEntry } from './tables/user-table.ts';
import { StringPool } from './tables/string-pool.ts';

export type DeviceNameHistory = {
  /** The last names, oldest first, each with the time at which it took the place of the one before. */
  readonly names: readonly { readonly name: string; readonly at: number }[];
  /** How many changes of name were recorded in the day of the last one; days are numbered from 1970. */
  readonly day: number;
  readonly changes: number;
};

export type Pack = {
  readonly keyPackId: string;
  readonly version: ProductVersion;
  readonly mode: LicensingMode;
  readonly quantity: number;
  /** Full licenses that hold a CAL of this pack, until it is returned. */
  readonly issued: number;
  /** CALs kept for licenses that are learned again (N4). */
  readonly reserved: number;
  /** CALs that nobody is given while the Clearinghouse is asked to take them. */
  readonly withheld: number;
  readonly program: string;
  readonly agreementNumber: string;
  readonly installedAt: number;
  readonly sequence: number;
};

/** Packs of one version and mode, and what is issued of them: licenses, or users recorded. */
export type Pool = {
  readonly version: ProductVersion;
  readonly mode: LicensingMode;
  readonly installed: number;
  readonly issued: number;
  readonly reserved: number;
  readonly withheld: number;
  /** Licenses learned again for which there was no CAL; they are among those issued. */
  readonly deficit: number;
  /** Revoked licenses that are not past the hour of their end. */
  readonly revoked: number;
  /** Temporary licenses for this version that are neither superseded nor past the hour of their end. */
  readonly temporary: number;
  /** Packs with a free CAL, oldest first. */
  readonly open: readonly string[];
};

export type Activation = {
  readonly serverId: string;
  readonly epoch: number;
  readonly chain: readonly string[];
  readonly certificateNotAfter: number;
};

/** A change of settings: who, when, why. */
export type RecordedChange = {
  readonly at: number;
  readonly sequence: number;
  readonly changes: SettingsChange;
  readonly by: string;
  readonly why: string;
};

export type Head = {
  readonly generation: string;
  /** The stream sequence of the last valid batch. */
  readonly sequence: number;
  readonly hash: string;
  /** Ledger time of that batch. */
  readonly time: number;
  readonly term: number;
  /** Records in all batches so far. */
  readonly records: number;
  /** The sequence of the last record that changed what terminal servers must trust. */
  readonly trustRevision: number;
  /** Every activation there was, oldest first; the last one is in force. */
  readonly activations: readonly Activation[];
  /** The last activation was ended by a deactivation. */
  readonly deactivated: boolean;
  /** Put back from a backup, and not activated anew since. */
  readonly restored: boolean;
  /** Generations that are over: their witnesses have nothing to say any more. */
  readonly settled: readonly string[];
  /** How far each of them has survived; 0 where nothing did. */
  readonly survived: Readonly<Record<string, number>>;
  /** How many losses of the ledger were accepted. */
  readonly losses: number;
  readonly settings: Settings;
  readonly settingsChanges: readonly RecordedChange[];
  readonly devices: number;
  readonly temporary: number;
  readonly full: number;
};

export type CoalescedRefusal = { readonly at: number; readonly sequence: number; readonly code: RefusalCode };

/** A license that an operator ended early, until it would have ended by itself. */
export type EndedEarly = {
  readonly how: 'revoked' | 'merged';
  readonly version: ProductVersion;
  readonly notAfter: number;
};

/** M1: into which device one was merged, null where that was undone, and which of its licenses that ended. */
export type Merge = { readonly into: string | null; readonly ended: readonly string[] };

/** CALs withheld for a command to the Clearinghouse, until that is settled. */
export type Withheld = { readonly keyPackId: string; readonly quantity: number; readonly settled: boolean };

/** How a terminal server said that it stands, and when. */
export type Standing = {
  readonly version: ProductVersion;
  readonly mode: LicensingMode | null;
  readonly grace: Grace;
  readonly at: number;
};

/** Counts by terminal server, for the live view. */
export type TerminalServerCounts = {
  readonly temporary: number;
  readonly full: number;
  readonly renewed: number;
  readonly refused: number;
  /** New devices in the minute, and full licenses in the hour, of the last such license (S3). */
  readonly newDevices: Window;
  readonly fullLicenses: Window;
  readonly standing?: Standing;
};

/** How many there were in one stretch of ledger time, which is numbered from 1970. */
export type Window = { readonly number: number; readonly count: number };

export type State = {
  head: Head;
  readonly devices: Table<Device>;
  /** License id to hardware id. */
  readonly owners: Table<string>;
  readonly packs: Table<Pack>;
  readonly pools: Table<Pool>;
  /** How many of a pool's temporary licenses end in an hour; see `expiryKey`. */
  readonly expiring: Table<number>;
  readonly terminalServers: Table<TerminalServerCounts>;
  /** Recorded outcomes by request id. */
  readonly outcomes: Table<Outcome>;
  readonly refusals: Table<CoalescedRefusal>;
  /** Commands of the liaison that are recorded: command id to sequence. */
  readonly commands: Table<number>;
  /** By license id. */
  readonly licenseExpiry: ExpiryIndex;
  /** By license id. */
  readonly endedEarly: Table<EndedEarly>;
  /** By the hardware id of the device that was merged into another. */
  readonly merges: Table<Merge>;
  /** By command id. */
  readonly withheld: Table<Withheld>;
  /** Devices that asked under more than one name, by hardware id. */
  readonly sightings: Table<DeviceNameHistory>;
  /** By user key. */
  readonly users: Table<readonly UserEntry[]>;
  /** By entry id. */
  readonly userExpiry: ExpiryIndex;
};

export const startHead: Head = {
  generation: 'none',
  sequence: 0,
  hash: NO_HASH,
  time: 0,
  term: 0,
  records: 0,
  trustRevision: 0,
  activations: [],
  deactivated: false,
  restored: false,
  settled: [],
  survived: {},
  losses: 0,
  settings: defaultSettings,
  settingsChanges: [],
  devices: 0,
  temporary: 0,
  full: 0,
};

/** The state itself, with what only the fold may do: forget. */
export type BaseState = State & {
  readonly strings: StringPool;
  readonly devices: DeviceTable;
  readonly owners: OwnerTable;
  readonly packs: Map<string, Pack>;
  readonly pools: Map<string, Pool>;
  readonly expiring: Map<string, number>;
  readonly terminalServers: Map<string, TerminalServerCounts>;
  readonly outcomes: OutcomeTable;
  readonly refusals: Map<string, CoalescedRefusal>;
  readonly commands: Map<string, number>;
  readonly endedEarly: Map<string, EndedEarly>;
  readonly merges: Map<string, Merge>;
  readonly withheld: Map<string, Withheld>;
  readonly sightings: Map<string, DeviceNameHistory>;
  readonly licenseExpiry: ExpiryTable;
  readonly users: UserTable;
  readonly userExpiry: ExpiryTable;
};

export const emptyState = (words = new StringPool()): BaseState => {
  const devices = new DeviceTable(words);
  return {
    head: startHead,
    strings: words,
    devices,
    owners: new OwnerTable(devices),
    packs: new Map(),
    pools: new Map(),
    expiring: new Map(),
    terminalServers: new Map(),
    outcomes: new OutcomeTable(words),
    refusals: new Map(),
    commands: new Map(),
    endedEarly: new Map(),
    merges: new Map(),
    withheld: new Map(),
    sightings: new Map(),
    licenseExpiry: new ExpiryTable(),
    users: new UserTable(),
    userExpiry: new ExpiryTable(),
  };
};

/** A draft of the state: changes to it leave the state alone. */
export const draftOf = (state: State): State => ({
  head: state.head,
  devices: draftTable(state.devices),
  owners: draftTable(state.owners),
  packs: draftTable(state.packs),
  pools: draftTable(state.pools),
  expiring: draftTable(state.expiring),
  terminalServers: draftTable(state.terminalServers),
  outcomes: draftTable(state.outcomes),
  refusals: draftTable(state.refusals),
  commands: draftTable(state.commands),
  endedEarly: draftTable(state.endedEarly),
  merges: draftTable(state.merges),
  withheld: draftTable(state.withheld),
  sightings: draftTable(state.sightings),
  licenseExpiry: draftExpiryIndex(state.licenseExpiry),
  users: draftTable(state.users),
  userExpiry: draftExpiryIndex(state.userExpiry),
});

export const currentActivation = (head: Head): Activation | undefined => head.activations.at(-1);

/** Under which id and epoch licenses are issued at this head. */
export const identityOf = (head: Head): { licenseServerId: string; epoch: number } => {
  const a = currentActivation(head);
  return a ? { licenseServerId: a.serverId, epoch: a.epoch } : { licenseServerId: UNACTIVATED, epoch: 0 };
};

/** Under which id and epoch a license is issued now: while the certificate is out of date, as before the first activation. */
export const issuingIdentity = (head: Head, now: number): { licenseServerId: string; epoch: number } => {
  const a = currentActivation(head);
  return a && now > a.certificateNotAfter ? { licenseServerId: UNACTIVATED, epoch: 0 } : identityOf(head);
};

/** Activated, not deactivated nor RESTORED since, and its certificate in date. */
export const isActivated = (head: Head, now: number): boolean => {
  const a = currentActivation(head);
  return a !== undefined && !head.deactivated && !head.restored && now <= a.certificateNotAfter;
};

export const licenseOf = (state: State, licenseId: string): License | undefined => {
  const owner = state.owners.get(licenseId);
  return owner === undefined
    ? undefined
    : state.devices.get(owner)?.licenses.find((l) => l.licenseId === licenseId);
};

export const expiryKey = (hour: number, version: ProductVersion): string => `${hour} ${version}`;

/** Who was refused is the device; of a Per User CAL the user, wherever he is. */
export const refusalKey = (r: {
  readonly hardwareId: string;
  readonly userKey?: string | undefined;
  readonly version: ProductVersion;
  readonly mode: LicensingMode;
  readonly code: RefusalCode;
}): string => `${r.userKey ?? r.hardwareId} ${r.version} ${r.mode} ${r.code}`;
