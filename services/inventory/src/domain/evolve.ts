// How each record changes the state. The ledger is the truth: nothing is checked here, and nothing refused.

import type { AllocationAnswer, AllocationOutcome } from '@calbus/contracts/inventory-messages';
import type { LedgerRecord } from '@calbus/contracts/ledger';
import { terminalServerSettings, type Settings } from '@calbus/contracts/settings';
import type { RowId } from '@calbus/contracts/rows';
import { HOUR, MINUTE } from './settings.ts';
import { noteName } from './identities.ts';
import { endOf, hourOf, type License } from './license.ts';
import { toldTo } from './merging.ts';
import { changeRevoked } from './revocation.ts';
import {
  expiryKey,
  identityOf,
  issuingIdentity,
  licenseOf,
  poolOf,
  refusalKey,
  setPool,
  type EndedEarly,
  type Pack,
  type State,
  type TerminalServerCounts,
} from './state.ts';
import { poolWith } from './stock.ts';
import { releaseReserve, settleWithheld, withhold } from './withholding.ts';
import { dropUser, putUser } from './user-stock.ts';

/** Where a record stands: the batch that carries it. */
export type Place = {
  readonly generation: string;
  readonly sequence: number;
  readonly at: number;
  readonly term: number;
};

type Of<K extends LedgerRecord['kind']> = Extract<LedgerRecord, { kind: K }>;

const remember = (
  state: State,
  place: Place,
  record: { requestId: string; row: RowId },
  outcome: AllocationOutcome,
): void => {
  const answer: AllocationAnswer = {
    requestId: record.requestId,
    row: record.row,
    decidedAt: place.at,
    position: { generation: place.generation, sequence: place.sequence },
    outcome,
  };
  state.outcomes.set(record.requestId, answer);
};

const noWindow = { number: 0, count: 0 };
const noCounts: TerminalServerCounts = {
  temporary: 0,
  full: 0,
  renewed: 0,
  refused: 0,
  newDevices: noWindow,
  fullLicenses: noWindow,
};
const count = (
  state: State,
  terminalServerId: string,
  what: 'temporary' | 'full' | 'renewed' | 'refused',
  times = 1,
): void => {
  const counts = state.terminalServers.get(terminalServerId) ?? noCounts;
  state.terminalServers.set(terminalServerId, { ...counts, [what]: counts[what] + times });
};

/** Counts a new license in the stretch of time that its quota is for (S3). */
const countInWindow = (
  state: State,
  terminalServerId: string,
  window: 'newDevices' | 'fullLicenses',
  number: number,
): void => {
  const counts = state.terminalServers.get(terminalServerId) ?? noCounts;
  const before = counts[window].number === number ? counts[window].count : 0;
  state.terminalServers.set(terminalServerId, { ...counts, [window]: { number, count: before + 1 } });
};

/** Puts a license in the place of itself, or adds it to its device. */
const put = (state: State, license: License): void => {
  const device = state.devices.get(license.hardwareId);
  if (!device) state.head = { ...state.head, devices: state.head.devices + 1 };
  const known = device?.licenses.some((l) => l.licenseId === license.licenseId) ?? false;
  const licenses = known
    ? (device?.licenses ?? []).map((l) => (l.licenseId === license.licenseId ? license : l))
    : [...(device?.licenses ?? []), license];
  state.devices.set(license.hardwareId, {
    hardwareId: license.hardwareId,
    deviceId: license.deviceId,
    licenses,
  });
  if (!known) state.owners.set(license.licenseId, license.hardwareId);
};

const changeIssued = (state: State, keyPackId: string | null, by: number): void => {
  const before = keyPackId === null ? undefined : state.packs.get(keyPackId);
  if (!before) return;
  const pack: Pack = { ...before, issued: before.issued + by };
  state.packs.set(pack.keyPackId, pack);
  setPool(state, poolWith(state, before, pack));
};

const changeTemporaries = (state: State, { version, notAfter }: License, by: number): void => {
  const pool = poolOf(state, version, 'per-device');
  setPool(state, { ...pool, temporary: pool.temporary + by });
  const key = expiryKey(hourOf(notAfter), version);
  state.expiring.set(key, (state.expiring.get(key) ?? 0) + by);
  state.head = { ...state.head, temporary: state.head.temporary + by };
};

/** A license learned again for which there was no CAL has no pack. */
const changeDeficit = (state: State, { version }: License, by: number): void => {
  const pool = poolOf(state, version, 'per-device');
  setPool(state, { ...pool, issued: pool.issued + by, deficit: pool.deficit + by });
};

const end = (state: State, licenseId: string, how: Exclude<License['ended'], 'no'>, place: Place): void => {
  const license = licenseOf(state, licenseId);
  if (!license || license.ended !== 'no') return;
  put(state, { ...license, ended: how });
  if (license.kind === 'full') {
    if (license.keyPackId === null) changeDeficit(state, license, -1);
    else changeIssued(state, license.keyPackId, -1);
    state.ends.drop(endOf(license));
    state.head = { ...state.head, full: state.head.full - 1 };
  } else if (hourOf(license.notAfter) >= hourOf(place.at)) {
    // Past that hour it is not counted any more.
    changeTemporaries(state, license, -1);
  }
};

/** As `end`, by an operator: those who may still be shown the license are told. */
const endEarly = (state: State, licenseId: string, how: EndedEarly['how'], place: Place): void => {
  const license = licenseOf(state, licenseId);
  if (!license || license.ended !== 'no') return;
  end(state, licenseId, how, place);
  const { version, notAfter } = license;
  state.endedEarly.set(licenseId, { how, version, notAfter });
  if (how === 'revoked') changeRevoked(state, version, 1);
};

const issue = (state: State, r: Of<'temporary-issued'> | Of<'full-issued'>, place: Place): void => {
  const identity = issuingIdentity(state.head, place.at);
  const license: License = {
    licenseId: r.licenseId,
    licenseServerId: identity.licenseServerId,
    epoch: identity.epoch,
    kind: r.kind === 'full-issued' ? 'full' : 'temporary',
    mode: 'per-device',
    version: r.version,
    keyPackId: r.kind === 'full-issued' ? r.keyPackId : null,
    hardwareId: r.hardwareId,
    deviceId: r.deviceId,
    deviceName: r.deviceName,
    userName: r.userName,
    issuedAt: place.at,
    notAfter: r.notAfter,
    position: { generation: place.generation, sequence: place.sequence },
    validated: false,
    ended: 'no',
  };
  if (r.kind === 'full-issued') {
    for (const old of r.supersedes) end(state, old, 'superseded', place);
    changeIssued(state, r.keyPackId, 1);
    state.head = { ...state.head, full: state.head.full + 1 };
    state.ends.note(endOf(license));
  } else {
    changeTemporaries(state, license, 1);
  }
  // A device that is merged into another has a name of its own.
  if (r.askedAs === undefined) noteName(state, license.hardwareId, license.deviceName, place.at);
  put(state, license);
  count(state, r.terminalServerId, license.kind);
  if (license.kind === 'full')
    countInWindow(state, r.terminalServerId, 'fullLicenses', Math.floor(place.at / HOUR));
  else countInWindow(state, r.terminalServerId, 'newDevices', Math.floor(place.at / MINUTE));
  remember(state, place, r, { kind: 'license', license: toldTo(r.askedAs ?? license.hardwareId, license) });
};

const renew = (state: State, r: Of<'renewed'>, place: Place): void => {
  const old = licenseOf(state, r.licenseId);
  if (!old) return;
  const identity = identityOf(state.head);
  const license: License = {
    ...old,
    licenseServerId: identity.licenseServerId,
    epoch: identity.epoch,
    issuedAt: place.at,
    notAfter: r.notAfter,
    position: { generation: place.generation, sequence: place.sequence },
  };
  put(state, license);
  if (license.kind === 'full' && license.ended === 'no') {
    state.ends.drop(endOf(old));
    state.ends.note(endOf(license));
  }
  count(state, r.terminalServerId, 'renewed');
  remember(state, place, r, { kind: 'license', license: toldTo(r.askedAs ?? license.hardwareId, license) });
};

const revoke = (state: State, r: Of<'license-revoked'>, place: Place): void => {
  endEarly(state, r.licenseId, 'revoked', place);
  state.commands.set(r.commandId, place.sequence);
  state.head = { ...state.head, trustRevision: place.sequence };
};

const merge = (state: State, r: Of<'devices-merged'>, place: Place): void => {
  for (const id of r.ends) endEarly(state, id, 'merged', place);
  state.merges.set(r.from, { into: r.into, ended: r.ends });
  state.commands.set(r.commandId, place.sequence);
  state.head = { ...state.head, trustRevision: place.sequence };
};

const undoMerge = (state: State, r: Of<'merge-undone'>, place: Place): void => {
  state.merges.set(r.from, { into: null, ended: [] });
  state.commands.set(r.commandId, place.sequence);
  const ended = r.restores === null ? undefined : licenseOf(state, r.restores);
  if (!ended || ended.ended !== 'merged') return;
  const license: License = { ...ended, keyPackId: r.keyPackId, ended: 'no' };
  put(state, license);
  hold(state, license);
  // Nobody is told of it any more; the entry is forgotten as those are that are past their end.
  const { licenseId, version } = license;
  state.endedEarly.set(licenseId, { how: 'merged', version, notAfter: 0 });
  state.head = { ...state.head, trustRevision: place.sequence };
};

/** A full license that is live from now on. */
const hold = (state: State, license: License): void => {
  if (license.keyPackId === null) changeDeficit(state, license, 1);
  else changeIssued(state, license.keyPackId, 1);
  state.head = { ...state.head, full: state.head.full + 1 };
  state.ends.note(endOf(license));
};

const relearn = (state: State, r: Of<'relearned'>, place: Place): void => {
  const { licenseId, hardwareId, deviceName, userName, version, keyPackId, issuedAt, notAfter } = r;
  const deviceId = state.devices.get(hardwareId)?.deviceId ?? r.deviceId;
  const pack = r.reserved && keyPackId !== null ? state.packs.get(keyPackId) : undefined;
  if (pack) {
    const left = { ...pack, reserved: pack.reserved - 1 };
    state.packs.set(left.keyPackId, left);
    setPool(state, poolWith(state, pack, left));
  }
  const license: License = {
    ...identityOf(state.head),
    licenseId,
    kind: 'full',
    mode: 'per-device',
    version,
    keyPackId,
    hardwareId,
    deviceId,
    deviceName,
    userName,
    issuedAt,
    notAfter,
    position: { generation: place.generation, sequence: place.sequence },
    validated: false,
    ended: 'no',
  };
  put(state, license);
  hold(state, license);
  if (r.within === 'report') remember(state, place, r, { kind: 'noted' });
};

const noteStanding = (state: State, r: Of<'terminal-server-stands'>, place: Place): void => {
  const { version, mode, grace } = r;
  const counts = state.terminalServers.get(r.terminalServerId) ?? noCounts;
  const standing = { version, mode, grace, at: place.at };
  state.terminalServers.set(r.terminalServerId, { ...counts, standing });
  remember(state, place, r, { kind: 'noted' });
};

const refuse = (state: State, r: Of<'refused'>, place: Place): void => {
  state.refusals.set(refusalKey(r), {
    at: place.at,
    sequence: place.sequence,
    code: r.code,
  });
  count(state, r.terminalServerId, 'refused');
  remember(state, place, r, { kind: 'refused', code: r.code });
};

const recordUser = (state: State, r: Of<'user-recorded'> | Of<'user-extended'>, place: Place): void => {
  const { userKey, version, notAfter } = r;
  const before = state.users.get(userKey)?.find((e) => e.version === version);
  const recordedAt = r.kind === 'user-extended' && before ? before.recordedAt : place.at;
  const position = { generation: place.generation, sequence: place.sequence };
  putUser(state, userKey, { version, recordedAt, notAfter, position });
  remember(state, place, r, { kind: 'per-user', userKey, version, notAfter });
};

const begin = (state: State, r: Of<'generation-started'>, place: Place): void => {
  const { head } = state;
  const survived = { ...head.survived };
  for (const { generation } of r.lost ?? []) survived[generation] ??= 0;
  if (r.after) survived[r.after.generation] = r.after.sequence;
  const over = [...(r.after ? [r.after.generation] : []), ...(r.lost ?? []).map((l) => l.generation)];
  state.head = {
    ...head,
    generation: place.generation,
    trustRevision: place.sequence,
    settled: [...new Set([...head.settled, ...over])],
    survived,
    losses: head.losses + (r.lost ? 1 : 0),
  };
};

/** Applies one record. Changes `state`; a draft as well as the state itself. */
export const evolve = (state: State, r: LedgerRecord, place: Place): void => {
  switch (r.kind) {
    case 'generation-started':
      return begin(state, r, place);
    case 'leadership-taken':
      return;
    case 'activated': {
      const { serverId, epoch, chain, certificateNotAfter } = r;
      const activations = [...state.head.activations, { serverId, epoch, chain, certificateNotAfter }];
      state.head = { ...state.head, activations, deactivated: false, trustRevision: place.sequence };
      state.commands.set(r.commandId, place.sequence);
      return;
    }
    case 'deactivated':
      state.head = { ...state.head, deactivated: true };
      state.commands.set(r.commandId, place.sequence);
      return;
    case 'cals-withheld':
      return withhold(state, r);
    case 'cals-settled':
      return settleWithheld(state, r);
    case 'reserve-released':
      releaseReserve(state);
      state.commands.set(r.commandId, place.sequence);
      return;
    case 'pack-installed': {
      const { keyPackId, version, mode, quantity, program, agreementNumber } = r;
      const kept = { issued: 0, reserved: r.reserved ?? 0, withheld: 0 };
      const rest = { ...kept, installedAt: place.at, sequence: place.sequence };
      const pack = { keyPackId, version, mode, quantity, program, agreementNumber, ...rest };
      const before = state.packs.get(keyPackId);
      state.packs.set(keyPackId, pack);
      setPool(state, poolWith(state, before, pack));
      state.commands.set(r.commandId, place.sequence);
      return;
    }
    case 'temporary-issued':
    case 'full-issued':
      return issue(state, r, place);
    case 'renewed':
      return renew(state, r, place);
    case 'validated': {
      const license = licenseOf(state, r.licenseId);
      if (license) put(state, { ...license, validated: true });
      if (r.within === 'report') remember(state, place, r, { kind: 'validated', licenseId: r.licenseId });
      return;
    }
    case 'returned':
      return end(state, r.licenseId, 'returned', place);
    case 'license-revoked':
      return revoke(state, r, place);
    case 'devices-merged':
      return merge(state, r, place);
    case 'merge-undone':
      return undoMerge(state, r, place);
    case 'relearned':
      return relearn(state, r, place);
    case 'device-seen':
      return noteName(state, r.hardwareId, r.deviceName, place.at);
    case 'terminal-server-stands':
      return noteStanding(state, r, place);
    case 'user-recorded':
    case 'user-extended':
      return recordUser(state, r, place);
    case 'user-dropped':
      return dropUser(state, r.userKey, r.version);
    case 'refused':
      return refuse(state, r, place);
    case 'refusals-counted':
      for (const c of r.counts) count(state, c.terminalServerId, 'refused', c.times);
      return;
    case 'settings-changed': {
      const { changes, by, why } = r;
      const { head } = state;
      const change = { at: place.at, sequence: place.sequence, changes, by, why };
      const forTerminalServers = Object.keys(changes).some((k) => k in terminalServerSettings.shape);
      state.head = {
        ...head,
        settings: { ...head.settings, ...changes } as Settings,
        trustRevision: forTerminalServers ? place.sequence : head.trustRevision,
        settingsChanges: [...head.settingsChanges, change],
      };
      state.commands.set(r.commandId, place.sequence);
      return;
    }
    case 'clock-confirmed':
      state.commands.set(r.commandId, place.sequence);
      return;
  }
};
