// How each record changes the state. The ledger is the truth: nothing is checked here, and nothing refused.

import type { LedgerRecord } from '@calbus/contracts/ledger';
import { terminalServerSettings, type Settings } from '@calbus/contracts/settings';
import { merge, relearn, revoke, undoMerge } from './evolve-holders.ts';
import { issue, renew } from './evolve-issuing.ts';
import { end, put } from './holding.ts';
import { noteName } from './identities.ts';
import { count, noCounts, remember, type Place, type RecordOf } from './recorded.ts';
import { licenseOf, refusalKey, setPool, type State } from './state.ts';
import { poolWith } from './stock.ts';
import { dropUser, putUser } from './user-stock.ts';
import { releaseReserve, settleWithheld, withhold } from './withholding.ts';

const noteStanding = (state: State, r: RecordOf<'terminal-server-stands'>, place: Place): void => {
  const { version, mode, grace } = r;
  const counts = state.terminalServers.get(r.terminalServerId) ?? noCounts;
  const standing = { version, mode, grace, at: place.at };
  state.terminalServers.set(r.terminalServerId, { ...counts, standing });
  remember(state, place, r, { kind: 'noted' });
};

const refuse = (state: State, r: RecordOf<'refused'>, place: Place): void => {
  state.refusals.set(refusalKey(r), {
    at: place.at,
    sequence: place.sequence,
    code: r.code,
  });
  count(state, r.terminalServerId, 'refused');
  remember(state, place, r, { kind: 'refused', code: r.code });
};

const recordUser = (
  state: State,
  r: RecordOf<'user-recorded'> | RecordOf<'user-extended'>,
  place: Place,
): void => {
  const { userKey, version, notAfter } = r;
  const before = state.users.get(userKey)?.find((e) => e.version === version);
  const recordedAt = r.kind === 'user-extended' && before ? before.recordedAt : place.at;
  const position = { generation: place.generation, sequence: place.sequence };
  putUser(state, userKey, { version, recordedAt, notAfter, position });
  remember(state, place, r, { kind: 'per-user', userKey, version, notAfter });
};

const begin = (state: State, r: RecordOf<'generation-started'>, place: Place): void => {
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
    case 'server-restored':
      state.head = { ...state.head, restored: true };
      state.commands.set(r.commandId, place.sequence);
      return;
    case 'activated': {
      const { serverId, epoch, chain, certificateNotAfter } = r;
      const activations = [...state.head.activations, { serverId, epoch, chain, certificateNotAfter }];
      state.head = { ...state.head, activations, trustRevision: place.sequence };
      state.head = { ...state.head, deactivated: false, restored: false };
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
