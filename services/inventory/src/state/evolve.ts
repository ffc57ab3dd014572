// How each record changes the state. The ledger is the truth: nothing is checked here, and nothing refused.

import { poolAfterPackChange, setPool } from './pools.ts';
import { dropUser, putUser } from './user-entries.ts';
import { releaseReserve, settleWithheldCals, withholdCals } from './withheld-cals.ts';
import type { LedgerRecord } from '@calbus/contracts/ledger';
import { terminalServerSettings, type Settings } from '@calbus/contracts/settings';
import { merge, readmit, revoke, undoMerge } from './evolve-commands.ts';
import { issue, renew } from './evolve-licenses.ts';
import { endLicense, putLicense } from './license-changes.ts';
import { recordName } from './device-names.ts';
import {
  countFor,
  noCounts,
  positionOf,
  rememberOutcome,
  userOutcome,
  type BatchPosition,
  type RecordOf,
} from './outcomes.ts';
import { licenseOf, refusalKey, type State } from './state.ts';

const recordTerminalServerStatus = (
  state: State,
  r: RecordOf<'terminal-server-stands'>,
  batch: BatchPosition,
): void => {
  const { version, mode, grace } = r;
  const counts = state.terminalServers.get(r.terminalServerId) ?? noCounts;
  const standing = { version, mode, grace, at: batch.at };
  state.terminalServers.set(r.terminalServerId, { ...counts, standing });
  rememberOutcome(state, batch, r, { kind: 'noted' });
};

const refuse = (state: State, r: RecordOf<'refused'>, batch: BatchPosition): void => {
  state.refusals.set(refusalKey(r), {
    at: batch.at,
    sequence: batch.sequence,
    code: r.code,
  });
  countFor(state, r.terminalServerId, 'refused');
  rememberOutcome(state, batch, r, { kind: 'refused', code: r.code });
};

const recordUser = (
  state: State,
  r: RecordOf<'user-recorded'> | RecordOf<'user-extended'>,
  batch: BatchPosition,
): void => {
  const { userKey, version, notAfter } = r;
  const before = state.users.get(userKey)?.find((e) => e.version === version);
  const recordedAt = r.kind === 'user-extended' && before ? before.recordedAt : batch.at;
  putUser(state, userKey, { version, recordedAt, notAfter, position: positionOf(batch) });
  rememberOutcome(state, batch, r, userOutcome(r));
};

const startGeneration = (state: State, r: RecordOf<'generation-started'>, batch: BatchPosition): void => {
  const { head } = state;
  const survived = { ...head.survived };
  for (const { generation } of r.lost ?? []) survived[generation] ??= 0;
  if (r.after) survived[r.after.generation] = r.after.sequence;
  const over = [...(r.after ? [r.after.generation] : []), ...(r.lost ?? []).map((l) => l.generation)];
  state.head = {
    ...head,
    generation: batch.generation,
    trustRevision: batch.sequence,
    settled: [...new Set([...head.settled, ...over])],
    survived,
    losses: head.losses + (r.lost ? 1 : 0),
  };
};

/** Applies one record. Changes `state`; a draft as well as the state itself. */
export const evolve = (state: State, r: LedgerRecord, batch: BatchPosition): void => {
  switch (r.kind) {
    case 'generation-started':
      return startGeneration(state, r, batch);
    case 'leadership-taken':
      return;
    case 'server-restored':
      state.head = { ...state.head, restored: true };
      state.commands.set(r.commandId, batch.sequence);
      return;
    case 'activated': {
      const { serverId, epoch, chain, certificateNotAfter } = r;
      const activations = [...state.head.activations, { serverId, epoch, chain, certificateNotAfter }];
      state.head = { ...state.head, activations, trustRevision: batch.sequence };
      state.head = { ...state.head, deactivated: false, restored: false };
      state.commands.set(r.commandId, batch.sequence);
      return;
    }
    case 'deactivated':
      state.head = { ...state.head, deactivated: true };
      state.commands.set(r.commandId, batch.sequence);
      return;
    case 'cals-withheld':
      return withholdCals(state, r);
    case 'cals-settled':
      return settleWithheldCals(state, r);
    case 'reserve-released':
      releaseReserve(state);
      state.commands.set(r.commandId, batch.sequence);
      return;
    case 'pack-installed': {
      const { keyPackId, version, mode, quantity, program, agreementNumber } = r;
      const kept = { issued: 0, reserved: r.reserved ?? 0, withheld: 0 };
      const rest = { ...kept, installedAt: batch.at, sequence: batch.sequence };
      const pack = { keyPackId, version, mode, quantity, program, agreementNumber, ...rest };
      const before = state.packs.get(keyPackId);
      state.packs.set(keyPackId, pack);
      setPool(state, poolAfterPackChange(state, before, pack));
      state.commands.set(r.commandId, batch.sequence);
      return;
    }
    case 'temporary-issued':
    case 'full-issued':
      return issue(state, r, batch);
    case 'renewed':
      return renew(state, r, batch);
    case 'validated': {
      const license = licenseOf(state, r.licenseId);
      if (license) putLicense(state, { ...license, validated: true });
      if (r.within === 'report')
        rememberOutcome(state, batch, r, { kind: 'validated', licenseId: r.licenseId });
      return;
    }
    case 'returned':
      return endLicense(state, r.licenseId, 'returned', batch);
    case 'license-revoked':
      return revoke(state, r, batch);
    case 'devices-merged':
      return merge(state, r, batch);
    case 'merge-undone':
      return undoMerge(state, r, batch);
    case 'relearned':
      return readmit(state, r, batch);
    case 'device-seen':
      return recordName(state, r.hardwareId, r.deviceName, batch.at);
    case 'terminal-server-stands':
      return recordTerminalServerStatus(state, r, batch);
    case 'user-recorded':
    case 'user-extended':
      return recordUser(state, r, batch);
    case 'user-dropped':
      return dropUser(state, r.userKey, r.version);
    case 'refused':
      return refuse(state, r, batch);
    case 'refusals-counted':
      for (const c of r.counts) countFor(state, c.terminalServerId, 'refused', c.times);
      return;
    case 'settings-changed': {
      const { changes, by, why } = r;
      const { head } = state;
      const change = { at: batch.at, sequence: batch.sequence, changes, by, why };
      const forTerminalServers = Object.keys(changes).some((k) => k in terminalServerSettings.shape);
      state.head = {
        ...head,
        settings: { ...head.settings, ...changes } as Settings,
        trustRevision: forTerminalServers ? batch.sequence : head.trustRevision,
        settingsChanges: [...head.settingsChanges, change],
      };
      state.commands.set(r.commandId, batch.sequence);
      return;
    }
    case 'clock-confirmed':
      state.commands.set(r.commandId, batch.sequence);
      return;
  }
};
