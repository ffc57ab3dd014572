// Queries: answered by any replica from its own copy of the state, with the place at which the answer is true.

import { poolCounts } from '../state/pools.ts';
import type { Message } from '@calbus/contracts/envelope';
import { inventoryLedger, MAX_LEDGER_PAGE_BYTES, queryLedger } from '@calbus/contracts/ledger-messages';
import {
  inventoryLicenses,
  inventoryPacks,
  inventoryCurrentSettings,
  inventoryTrust,
  queryLicenses,
  type HeldLicense,
  type RecordedUser,
} from '@calbus/contracts/inventory-query-messages';
import { inventoryStatus } from '@calbus/contracts/inventory-status-messages';
import { MAX_EVIDENCE, type LossEvidence } from '@calbus/contracts/witness';
import type { LedgerPosition } from '@calbus/contracts/tokens';
import { fault, FaultError } from '@calbus/contracts/faults';
import { answerWith, type Answer } from '@calbus/runtime/responder';
import type { Departure } from '../handlers/clock-watch.ts';
import { isLive } from '../rules/live-licenses.ts';
import type { Device, License } from '../state/tables/license.ts';
import {
  currentActivation,
  identityOf,
  licenseOf,
  type BaseState,
  type Pack,
  type State,
} from '../state/state.ts';
import { endedInDate } from '../rules/revocation.ts';
import { usersByPack } from '../rules/user-stock.ts';
import { valuesOf } from '../state/tables/table.ts';
import type { LedgerPages } from '../ports.ts';

const positionOf = (state: State): LedgerPosition => ({
  generation: state.head.generation,
  sequence: state.head.sequence,
});

export type StatusFacts = {
  readonly replica: string;
  readonly role: 'leader' | 'standby' | 'starting';
  readonly voids: number;
  readonly durable: boolean;
  readonly cache: 'current' | 'behind' | 'unreachable';
  readonly cacheAsOf: number | undefined;
  readonly loss: { readonly term: number; readonly evidence: readonly LossEvidence[] } | undefined;
  /** Of the leader; empty on a standby. */
  readonly clockSuspect: readonly Departure[];
  readonly storageUsed: number | undefined;
  readonly clockOffset: number;
};

export const status = (state: State, facts: StatusFacts): Answer => {
  const { head } = state;
  const active = currentActivation(head);
  return answerWith(inventoryStatus, {
    replica: facts.replica,
    role: facts.role,
    term: head.term,
    position: positionOf(state),
    hash: head.hash,
    ledgerTime: head.time,
    activation: active
      ? { serverId: active.serverId, epoch: active.epoch, certificateNotAfter: active.certificateNotAfter }
      : null,
    ...(head.deactivated ? { deactivated: true } : {}),
    ...(head.restored ? { restored: true } : {}),
    devices: head.devices,
    licenses: { temporary: head.temporary, full: head.full },
    keyPacks: valuesOf(state.packs).length,
    pools: poolCounts(state),
    perUser: head.settings.perUser,
    voidMessages: facts.voids,
    durable: facts.durable,
    cache: facts.cache,
    ...(facts.cacheAsOf === undefined ? {} : { cacheAsOf: facts.cacheAsOf }),
    ...(facts.loss
      ? { loss: { term: facts.loss.term, evidence: facts.loss.evidence.slice(0, MAX_EVIDENCE) } }
      : {}),
    clockSuspect: [...facts.clockSuspect],
    ...(facts.clockOffset === 0 ? {} : { clockOffset: facts.clockOffset }),
    ...(facts.storageUsed === undefined ? {} : { storageUsed: facts.storageUsed }),
  });
};

const MAX_CHANGES = 1_000;

export const settings = (state: State): Answer =>
  answerWith(inventoryCurrentSettings, {
    position: positionOf(state),
    settings: state.head.settings,
    changes: state.head.settingsChanges.toReversed().slice(0, MAX_CHANGES),
  });

export const packs = (state: State): Answer => {
  const users = usersByPack(state);
  const issuedOf = (p: Pack): number => users.get(p.keyPackId) ?? p.issued;
  const counted = state.head.settings.perUser !== 'unmonitored';
  return answerWith(inventoryPacks, {
    position: positionOf(state),
    // One that all CALs have left is history, which the ledger tells.
    packs: valuesOf(state.packs)
      .filter((p) => p.quantity > 0)
      .map((p) => ({
        keyPackId: p.keyPackId,
        version: p.version,
        mode: p.mode,
        quantity: p.quantity,
        issued: issuedOf(p),
        available:
          p.mode === 'per-device' || counted ? p.quantity - issuedOf(p) - p.reserved - p.withheld : null,
        ...(p.reserved > 0 ? { reserved: p.reserved } : {}),
        ...(p.withheld > 0 ? { withheld: p.withheld } : {}),
        program: p.program,
        agreement: p.agreementNumber,
        installedAt: p.installedAt,
      })),
  });
};

const licenseRow = (license: License, now: number): HeldLicense => ({
  licenseId: license.licenseId,
  kind: license.kind,
  state: isLive(license, now) ? 'live' : 'ended',
  ...(license.ended === 'no' ? {} : { ended: license.ended }),
  validated: license.validated,
  version: license.version,
  keyPackId: license.keyPackId,
  hardwareId: license.hardwareId,
  deviceName: license.deviceName,
  userName: license.userName,
  issuedAt: license.issuedAt,
  notAfter: license.notAfter,
  position: license.position,
});

/** Devices that may be meant: by hardware id, or else all whose names hold what is asked for. */
const devicesOf = (
  state: BaseState,
  device: string | undefined,
  user: string | undefined,
): Iterable<Device> => {
  const exact = device === undefined ? undefined : state.devices.get(device.toLowerCase());
  return exact ? [exact] : state.devices.withTexts([device, user].filter((text) => text !== undefined));
};

/** Recorded users whose name, with or without its domain, is the one asked for. */
function* usersNamed(state: BaseState, user: string | undefined, now: number): Generator<RecordedUser> {
  for (const [userKey, entries] of state.users.entries()) {
    if (user !== undefined && userKey !== user && !userKey.endsWith(`\\${user}`)) continue;
    for (const { notAfter, ...entry } of entries)
      yield { userKey, ...entry, notAfter, state: notAfter > now ? 'live' : 'ended' };
  }
}

export const licenses = (state: BaseState, now: number, { body }: Message<typeof queryLicenses>): Answer => {
  const found: HeldLicense[] = [];
  if (body.license !== undefined) {
    const license = licenseOf(state, body.license);
    const one = license ? [licenseRow(license, now)] : [];
    return answerWith(inventoryLicenses, { position: positionOf(state), licenses: one, more: false });
  }
  const name = body.device?.toLowerCase();
  const user = body.user?.toLowerCase();
  for (const device of devicesOf(state, body.device, body.user)) {
    for (const l of device.licenses) {
      const ofDevice =
        name === undefined || l.hardwareId === name || l.deviceName.toLowerCase().startsWith(name);
      const ofUser = user === undefined || l.userName?.toLowerCase() === user;
      if (!ofDevice || !ofUser) continue;
      if (found.length === body.limit) {
        return answerWith(inventoryLicenses, { position: positionOf(state), licenses: found, more: true });
      }
      found.push(licenseRow(l, now));
    }
  }
  const users: RecordedUser[] = [];
  const answer = (more: boolean): Answer =>
    answerWith(inventoryLicenses, { position: positionOf(state), licenses: found, users, more });
  if (body.device !== undefined) return answer(false);
  for (const recorded of usersNamed(state, user, now)) {
    if (found.length + users.length === body.limit) return answer(true);
    users.push(recorded);
  }
  return answer(false);
};

/** As many as a trust snapshot has room for. */
const MAX_ENDED_LICENSES = 10_000;

export const trust = (state: State, now: number): Answer => {
  const { licenseServerId, epoch } = identityOf(state.head);
  const { graceDays, perUserWhenUnreachable, renewalLeadDays } = state.head.settings;
  return answerWith(inventoryTrust, {
    position: positionOf(state),
    licenseServerId,
    epoch,
    chains: state.head.activations.map((a) => ({
      epoch: a.epoch,
      serverId: a.serverId,
      chain: [...a.chain],
    })),
    // A license that an upgrade ended is not among them: its device was given the later one in the same answer.
    ended: endedInDate(state, now, MAX_ENDED_LICENSES),
    settings: { graceDays, perUserWhenUnreachable, renewalLeadDays },
    trustRevision: state.head.trustRevision,
  });
};

/** The ledger itself, for whoever wants to check it; read anew for each page, so that nothing of it is kept here. */
export const ledgerPage = async (
  ledger: LedgerPages,
  state: State,
  { body }: Message<typeof queryLedger>,
): Promise<Answer> => {
  const { entries, last } = await ledger.page(body.from, body.limit, MAX_LEDGER_PAGE_BYTES).catch(() => {
    throw new FaultError(fault('UNREACHABLE', 'The ledger cannot be read at the moment.'));
  });
  return answerWith(inventoryLedger, {
    messages: entries.map(({ sequence, storedAt, bytes }) => ({
      sequence,
      storedAt,
      bytes: Buffer.from(bytes).toString('base64'),
    })),
    last,
    position: positionOf(state),
    hash: state.head.hash,
  });
};
