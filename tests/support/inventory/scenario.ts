// Stories for tests: a ledger in memory on which requests are decided one after the other, as the leader would.

import assert from 'node:assert/strict';
import type { DecisionFacts } from '@calbus/contracts/explain-messages';
import type { Allocation, Outcome } from '@calbus/contracts/allocation-messages';
import type { LedgerBatch, LedgerRecord } from '@calbus/contracts/ledger';
import type { LicenseFacts } from '@calbus/contracts/license';
import type { SettingsChange } from '@calbus/contracts/settings';
import type { LicensingMode } from '@calbus/contracts/tokens';
import type { ProductVersion } from '@calbus/contracts/versions';
import { decide } from '../../../services/inventory/src/rules/decide.ts';
import { dueUserDrops, dueReturns } from '../../../services/inventory/src/rules/expiry.ts';
import type { DecisionContext } from '../../../services/inventory/src/rules/ruling.ts';
import { applyBatch } from '../../../services/inventory/src/state/fold.ts';
import { planMerge, planUndoMerge } from '../../../services/inventory/src/rules/device-merge.ts';
import { checkRevocation, type RevocationCheck } from '../../../services/inventory/src/rules/revocation.ts';
import { decisionFactsOf } from '../../../services/inventory/src/explain/decision-facts.ts';
import { DAY_MS } from '@calbus/contracts/durations';
import { emptyState, type BaseState } from '../../../services/inventory/src/state/state.ts';

export const hw = (n: number): string => n.toString(16).padStart(40, '0');
const SERVER = 'A'.repeat(35);

export type RequestOptions = {
  readonly device?: number;
  readonly version?: ProductVersion;
  readonly mode?: LicensingMode;
  readonly user?: string | null;
  readonly authenticatedBy?: string | null;
  readonly requestId?: string;
  readonly terminalServerId?: string;
  readonly validatedLicenseId?: string | null;
  readonly deviceName?: string;
  /** A genuine license of another life of the ledger, which the client shows. */
  readonly shows?: LicenseFacts;
  readonly presented?: Extract<Allocation, { kind: 'license' }>['presented'];
};

export type Scenario = {
  readonly state: BaseState;
  readonly records: LedgerRecord[];
  /** What each decision saw. */
  readonly decisions: DecisionFacts[];
  now: number;
  storageNearlyFull: boolean;
  /** The context of the next decision. */
  readonly context: () => DecisionContext;
  readonly set: (changes: SettingsChange) => void;
  readonly append: (records: readonly LedgerRecord[]) => void;
  readonly activate: (certificateNotAfter?: number) => void;
  readonly install: (
    quantity: number,
    version?: ProductVersion,
    mode?: LicensingMode,
    reserved?: number,
  ) => string;
  readonly request: (a?: RequestOptions) => Outcome;
  readonly logOn: (licenseId: string, device?: number) => Outcome;
  /** Asks, reports the log-on, and gives the temporary license's id. */
  readonly firstLogOn: (a?: RequestOptions) => string;
  readonly runExpiry: () => number;
  /** R1 to R3; what was decided. */
  readonly revoke: (licenseId: string) => RevocationCheck;
  /** M1; whether it was done. */
  readonly merge: (from: number, into: number) => boolean;
  /** M2; whether it was done. */
  readonly undoMerge: (from: number) => boolean;
  /** A terminal server reports a license of another life of the ledger. */
  readonly readmit: (license: LicenseFacts) => Outcome;
};

/** A full license of the life of the ledger before the story, of which what is up to 10 survived. */
export const earlierLicense = (
  licenseId: string,
  device: number,
  notAfter: number,
  more: Partial<LicenseFacts> = {},
): LicenseFacts => ({
  licenseId,
  licenseServerId: SERVER,
  epoch: 1,
  kind: 'full',
  mode: 'per-device',
  version: '2003',
  keyPackId: 'Q'.repeat(35),
  hardwareId: hw(device),
  deviceId: `d${device}`,
  deviceName: `desk-${device}`,
  userName: null,
  issuedAt: notAfter - 60 * DAY_MS,
  notAfter,
  position: { generation: 'f', sequence: 20 },
  ...more,
});

/** `rolls` are what the dice show, over and over; `onBatch` hears of each batch. */
export const createScenario = (
  rolls: readonly number[] = [60],
  onBatch: (batch: LedgerBatch) => void = () => {},
): Scenario => {
  const state = emptyState();
  const records: LedgerRecord[] = [];
  let ids = 0;
  let rolled = 0;
  let sequence = 0;
  const id = (): string => `id${(ids += 1)}`;
  const commanded = () => ({ commandId: id(), by: 'test', why: 'a test' });
  const genuine = (license: LicenseFacts) => {
    const { licenseId, deviceId, position } = license;
    return { kind: 'genuine', licenseId, deviceId, position, license } as const;
  };
  const contextOf = (s: Scenario): DecisionContext => ({
    generation: 'g',
    sequence: sequence + 1,
    at: Math.max(s.now, state.head.time),
    storageNearlyFull: s.storageNearlyFull,
    random: { id, between: () => rolls[rolled++ % rolls.length] ?? 60 },
  });
  /** As the leader decides a batch of one command; what the state remembers of it must be what is answered. */
  const run = (s: Scenario, allocation: Allocation): Outcome => {
    const { records: decided, outcome, trace } = decide(state, allocation, contextOf(s));
    if (decided.length > 0) s.append(decided);
    if (decided.some((r) => 'requestId' in r && r.row === outcome.row))
      assert.deepEqual(state.outcomes.get(allocation.requestId), outcome);
    if (trace && (allocation.kind === 'license' || allocation.kind === 'validated'))
      s.decisions.push(decisionFactsOf(allocation, outcome, trace));
    return outcome;
  };
  const s: Scenario = {
    state,
    records,
    decisions: [],
    now: 1_000 * DAY_MS,
    storageNearlyFull: false,
    context: () => contextOf(s),
    set: (changes) =>
      s.append([{ kind: 'settings-changed', commandId: id(), changes, by: 'test', why: 'a test' }]),
    append: (more) => {
      sequence += 1;
      records.push(...more);
      const at = Math.max(s.now, state.head.time);
      const { hash } = state.head;
      const batch: LedgerBatch = {
        format: 1,
        generation: 'g',
        term: 1,
        nonce: id(),
        prevHash: hash,
        at,
        records: [...more],
      };
      onBatch(batch);
      applyBatch(state, batch, sequence, sequence.toString(16).padStart(64, '0'));
    },
    activate: (certificateNotAfter = s.now + 3_650 * DAY_MS) => {
      const epoch = state.head.activations.length + 1;
      s.append([
        {
          kind: 'activated',
          commandId: id(),
          serverId: SERVER,
          epoch,
          chain: ['-----BEGIN CERTIFICATE-----'],
          certificateNotAfter,
          by: 'test',
        },
      ]);
    },
    install: (quantity, version = '2003', mode = 'per-device', reserved) => {
      const keyPackId = id().toUpperCase().padStart(35, 'P');
      const agreement = { program: 'select', agreementNumber: '1234567' } as const;
      s.append([
        {
          kind: 'pack-installed',
          commandId: id(),
          keyPackId,
          epoch: 1,
          ...agreement,
          version,
          mode,
          quantity,
          keyPack: 'a.b.c',
          by: 'test',
          ...(reserved === undefined ? {} : { reserved }),
        },
      ]);
      return keyPackId;
    },
    request: (a = {}) =>
      run(s, {
        kind: 'license',
        requestId: a.requestId ?? id(),
        terminalServerId: a.terminalServerId ?? 'ts1',
        mode: a.mode ?? 'per-device',
        version: a.version ?? '2003',
        hardwareId: hw(a.device ?? 1),
        deviceName: a.deviceName ?? `desk-${a.device ?? 1}`,
        userKey: a.user ?? null,
        authenticatedBy: a.authenticatedBy ?? null,
        presented: a.shows ? genuine(a.shows) : (a.presented ?? { kind: 'none' }),
        validatedLicenseId: a.validatedLicenseId ?? null,
      }),
    logOn: (licenseId, device = 1) =>
      run(s, {
        kind: 'validated',
        requestId: id(),
        terminalServerId: 'ts1',
        licenseId,
        hardwareId: hw(device),
      }),
    firstLogOn: (a = {}) => {
      const answer = s.request(a);
      if (answer.outcome.kind !== 'license') throw new Error(`row ${answer.row} gave no license`);
      const { licenseId } = answer.outcome.license;
      s.logOn(licenseId, a.device);
      return licenseId;
    },
    readmit: (license) => run(s, { kind: 'relearn', requestId: id(), terminalServerId: 'ts1', license }),
    revoke: (licenseId) => {
      const may = checkRevocation(state, licenseId, contextOf(s).at);
      if (may.ok) s.append([{ kind: 'license-revoked', ...commanded(), row: 'R1', licenseId }]);
      return may;
    },
    merge: (a, b) => {
      const [from, into] = [hw(a), hw(b)];
      const plan = planMerge(state, from, into, contextOf(s).at);
      if (plan.ok)
        s.append([{ kind: 'devices-merged', ...commanded(), row: 'M1', from, into, ends: [...plan.ends] }]);
      return plan.ok;
    },
    undoMerge: (a) => {
      const from = hw(a);
      const plan = planUndoMerge(state, from, contextOf(s).at);
      if (!plan.ok) return false;
      const { restores, keyPackId } = plan;
      s.append([{ kind: 'merge-undone', ...commanded(), row: 'M2', from, restores, keyPackId }]);
      return true;
    },
    runExpiry: () => {
      const { at: now } = contextOf(s);
      const due = [...dueReturns(state, now, 5_000), ...dueUserDrops(state, now, 5_000)];
      if (due.length > 0) s.append(due);
      return due.length;
    },
  };
  const hash = '1'.repeat(64);
  s.append([{ kind: 'generation-started', after: { generation: 'f', sequence: 10, hash } }]);
  return s;
};

/** A license server with CALs for 2003, and devices 1 to `n`, each with a full license. */
export const createFarm = (cals: number, n: number): Scenario => {
  const s = createScenario();
  s.activate();
  s.install(cals);
  for (let device = 1; device <= n; device += 1) {
    s.firstLogOn({ device });
    s.request({ device });
  }
  return s;
};
