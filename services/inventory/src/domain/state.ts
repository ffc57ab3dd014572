// The state of inventory: what the fold of the ledger has come to. Values in it are never changed in place, only
// replaced, so that a draft and a query can share them.

import type { AllocationAnswer } from '@calbus/contracts/inventory-messages';
import { NO_HASH } from '@calbus/contracts/ledger';
import { UNACTIVATED, type LicenseFacts } from '@calbus/contracts/license';
import { defaultSettings, type Settings, type SettingsChange } from '@calbus/contracts/settings';
import type { RefusalCode } from '@calbus/contracts/refusals';
import type { LicensingMode } from '@calbus/contracts/tokens';
import type { ProductVersion } from '@calbus/contracts/versions';
import { HOUR } from './settings.ts';
import { draftTable, type Table } from './table.ts';

export type License = LicenseFacts & {
  /** Temporary licenses: a log-on was reported. */
  readonly validated: boolean;
  /** Ended by a record: superseded by another license, or its CAL returned after its end. */
  readonly ended: 'no' | 'superseded' | 'returned';
};

export type Device = {
  readonly hardwareId: string;
  readonly deviceId: string;
  readonly licenses: readonly License[];
};

export type Pack = {
  readonly keyPackId: string;
  readonly version: ProductVersion;
  readonly mode: LicensingMode;
  readonly quantity: number;
  /** Full licenses that hold a CAL of this pack, until it is returned. */
  readonly issued: number;
  readonly program: string;
  readonly agreementNumber: string;
  readonly installedAt: number;
  readonly sequence: number;
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
  /** The sequence of the last record that changed what terminal servers must trust. */
  readonly trustRevision: number;
  /** Every activation there was, oldest first; the last one is in force. */
  readonly activations: readonly Activation[];
  /** Generations that are over: their witnesses have nothing to say any more. */
  readonly settled: readonly string[];
  /** How many losses of the ledger were accepted. */
  readonly losses: number;
  readonly settings: Settings;
  readonly settingsChanges: readonly RecordedChange[];
  readonly devices: number;
  readonly temporary: number;
  readonly full: number;
};

export type CoalescedRefusal = { readonly at: number; readonly sequence: number; readonly code: RefusalCode };

/** Counts by terminal server, for the live view. */
export type TerminalServerCounts = {
  readonly temporary: number;
  readonly full: number;
  readonly renewed: number;
  readonly refused: number;
  /** New devices in the minute, and full licenses in the hour, of the last such license (S3). */
  readonly newDevices: Window;
  readonly fullLicenses: Window;
};

/** How many there were in one stretch of ledger time, which is numbered from 1970. */
export type Window = { readonly number: number; readonly count: number };

export type State = {
  head: Head;
  readonly devices: Table<Device>;
  /** License id to hardware id. */
  readonly owners: Table<string>;
  readonly packs: Table<Pack>;
  /** Temporary licenses issued and not superseded, by version. */
  readonly temporaries: Table<number>;
  readonly terminalServers: Table<TerminalServerCounts>;
  /** Recorded outcomes by request id. */
  readonly outcomes: Table<AllocationAnswer>;
  readonly refusals: Table<CoalescedRefusal>;
  /** Commands of the liaison that are recorded: command id to sequence. */
  readonly commands: Table<number>;
  /** Full licenses by the hour in which they end; only looked at to find what is due. */
  readonly ends: Table<readonly string[]>;
};

export const startHead: Head = {
  generation: 'none',
  sequence: 0,
  hash: NO_HASH,
  time: 0,
  term: 0,
  trustRevision: 0,
  activations: [],
  settled: [],
  losses: 0,
  settings: defaultSettings,
  settingsChanges: [],
  devices: 0,
  temporary: 0,
  full: 0,
};

export type BaseState = State & {
  readonly outcomes: Map<string, AllocationAnswer>;
  readonly refusals: Map<string, CoalescedRefusal>;
  readonly devices: Map<string, Device>;
  readonly ends: Map<string, readonly string[]>;
};

export const emptyState = (): BaseState => ({
  head: startHead,
  devices: new Map(),
  owners: new Map(),
  packs: new Map(),
  temporaries: new Map(),
  terminalServers: new Map(),
  outcomes: new Map(),
  refusals: new Map(),
  commands: new Map(),
  ends: new Map(),
});

/** The key of `ends`. */
export const hourOf = (at: number): string => String(Math.floor(at / HOUR));

/** A draft of the state: changes to it leave the state alone. */
export const draftOf = (state: State): State => ({
  head: state.head,
  devices: draftTable(state.devices),
  owners: draftTable(state.owners),
  packs: draftTable(state.packs),
  temporaries: draftTable(state.temporaries),
  terminalServers: draftTable(state.terminalServers),
  outcomes: draftTable(state.outcomes),
  refusals: draftTable(state.refusals),
  commands: draftTable(state.commands),
  ends: draftTable(state.ends),
});

export const currentActivation = (head: Head): Activation | undefined => head.activations.at(-1);

/** Under which id and epoch licenses are issued at this head. */
export const identityOf = (head: Head): { licenseServerId: string; epoch: number } => {
  const a = currentActivation(head);
  return a ? { licenseServerId: a.serverId, epoch: a.epoch } : { licenseServerId: UNACTIVATED, epoch: 0 };
};

/** Activated, and its certificate in date. */
export const isActivated = (head: Head, now: number): boolean => {
  const a = currentActivation(head);
  return a !== undefined && now <= a.certificateNotAfter;
};

export const licenseOf = (state: State, licenseId: string): License | undefined => {
  const owner = state.owners.get(licenseId);
  return owner === undefined
    ? undefined
    : state.devices.get(owner)?.licenses.find((l) => l.licenseId === licenseId);
};

/** The license, if it is held and ends in this hour; a renewed one is noted under its former ends too. */
export const endingIn = (state: State, hour: string, licenseId: string): License | undefined => {
  const license = licenseOf(state, licenseId);
  return license?.ended === 'no' && hourOf(license.notAfter) === hour ? license : undefined;
};

/** The part of a license that is signed and told to others. */
export const factsOf = (license: License): LicenseFacts => {
  const { validated: _validated, ended: _ended, ...facts } = license;
  return facts;
};

export const refusalKey = (
  hardwareId: string,
  version: ProductVersion,
  mode: LicensingMode,
  code: RefusalCode,
): string => `${hardwareId} ${version} ${mode} ${code}`;
