// The library that a terminal server embeds. It admits clients by the rules, requests licenses, reports log-ons, and verifies every
// license. While NATS is unreachable it works from its store.

import { fault, FaultError } from '@calbus/contracts/faults';
import type { Grace } from '@calbus/contracts/ledger';
import type { TerminalServerSettings } from '@calbus/contracts/settings';
import { newId } from '@calbus/trust/ids';
import type { LicenseCheck } from '@calbus/trust/licenses';
import { setTimeout as delay } from 'node:timers/promises';
import { createAdmission, type Admission } from './admission.ts';
import type { Decision, StartTimer } from './request-client.ts';
import { graceDaysOf, graceOf, licenseSeen, timePassed } from './domain/grace.ts';
import { settingsOf } from './domain/trust-snapshot.ts';
import { persistIn, serverStateIn, type PersistedState } from './persisted-state.ts';
import { openLicenseServer, type LicenseServer } from './license-server.ts';
import { createFailover } from './failover.ts';
import type { LinkState } from './link.ts';
import { memoryStore } from './memory-store.ts';
import type { LicenseRequest, TerminalServerOptions } from './options.ts';
import type { Sleep } from './sleep.ts';
import { emptyState, type Store } from './store.ts';
import type { TerminalServerState } from './report-queue.ts';

export { faultOf, type Fault } from '@calbus/contracts/faults';
export type { Admission } from './admission.ts';
export type { Decision } from './request-client.ts';
export type {
  FurtherLicenseServer,
  LicenseRequest,
  LicenseServerOptions,
  TerminalServerMode,
  TerminalServerOptions,
} from './options.ts';

export type LicenseServerStatus = {
  readonly name: string | null;
  readonly link: LinkState;
  /** Null before the first trust snapshot of this license server. */
  readonly licenseServerId: string | null;
  readonly generation: string | null;
  /** The number of its licenses that are known to have ended early. */
  readonly ended: number;
};

/** `link`, `generation` and `ended` describe the first license server. */
export type TerminalServerStatus = {
  readonly link: LinkState;
  /** The state of the grace period; null before the first client. */
  readonly grace: Grace;
  /** The generation in the last trust snapshot; null before the first. */
  readonly generation: string | null;
  /** The settings in force. */
  readonly settings: TerminalServerSettings;
  /** The number of licenses that are known to have ended early. */
  readonly ended: number;
  readonly further: readonly LicenseServerStatus[];
  /** The numbers of reports that no decision has confirmed yet. */
  readonly waiting: { readonly logOns: number; readonly relearns: number };
  /** Why the last write to the store failed; null if it succeeded. */
  readonly unsaved: string | null;
};

export type TerminalServer = {
  /**
   * Admits or refuses a client by the rows of docs/issuance.md ("At the terminal server"). Asks the license server when these rows
   * need it. A fault on the way counts as "unreachable"; the call does not reject.
   */
  readonly admit: (ask: LicenseRequest) => Promise<Admission>;
  /** The license server's decision. Rejects with a FaultError: TIMEOUT, BUSY, UNREACHABLE, or what was wrong with the request. */
  readonly request: (ask: LicenseRequest) => Promise<Decision>;
  /**
   * Reports a log-on from the device that holds this temporary license. Rejects as `request` does, but the library
   * repeats the report until a decision confirms it.
   */
  readonly validated: (licenseId: string, hardwareId: string) => Promise<Decision>;
  /** Verifies a license with the issuing keys that are known here. Needs no connection. */
  readonly check: (license: string) => LicenseCheck;
  readonly status: () => TerminalServerStatus;
  /** The number of messages on this terminal server's subjects that calbus did not send. */
  readonly ignored: () => number;
  readonly close: () => Promise<void>;
};

/** An abort ends the wait early; it does not reject. */
const sleep: Sleep = (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined);
const startTimer: StartTimer = (ms, act) => {
  const timer = setTimeout(act, ms);
  return () => clearTimeout(timer);
};
const REPORT_INTERVAL_MS = 60_000;
/** The library asks for a trust snapshot at this interval, even if no change was announced. */
const TRUST_INTERVAL_MS = 600_000;

const open = async (o: TerminalServerOptions, store: Store): Promise<PersistedState> => {
  const stored = await store.load();
  if (stored && stored.terminalServerId !== o.terminalServerId) {
    const whose = `The store belongs to the terminal server "${stored.terminalServerId}"`;
    throw new Error(`${whose}, not of "${o.terminalServerId}": each needs a store of its own.`);
  }
  return persistIn(store, stored ?? emptyState(o.terminalServerId));
};

/**
 * Does not wait for a NATS that is unreachable; `status` shows the connection. Rejects if the seed is invalid or the store cannot be
 * read.
 */
export const connect = async (o: TerminalServerOptions): Promise<TerminalServer> => {
  const store = o.store ?? memoryStore();
  try {
    return await connectWith(o, await open(o, store), store);
  } catch (error) {
    await store.close?.();
    throw error;
  }
};

const connectWith = async (
  o: TerminalServerOptions,
  state: PersistedState,
  store: Store,
): Promise<TerminalServer> => {
  const { mode, version, waitsMs = 8_000, againMs = REPORT_INTERVAL_MS, further = [] } = o;
  const now = (): number => Math.floor((o.now ?? Date.now)());
  const graceNow = (): Grace =>
    graceOf(state.now().grace, graceDaysOf(settingsOf(servers.trust()).graceDays, version));
  const stateNow = (): TerminalServerState | null =>
    o.store && mode !== 'remote-administration' ? { version, mode: mode ?? null, grace: graceNow() } : null;
  const listed = [o, ...further.map((f) => ({ terminalServerId: o.terminalServerId, ...f }))];
  const twice = listed.find((l, n) => listed.findIndex((x) => x.name === l.name) !== n);
  if (twice) throw new Error(`Two license servers are named "${twice.name}": give each a name of its own.`);
  const opened: LicenseServer[] = [];
  const closeAll = async (): Promise<void> => {
    for (const s of opened) await s.close();
  };
  const servers = createFailover(opened, waitsMs);
  try {
    for (const options of listed)
      opened.push(
        openLicenseServer({
          options,
          state: serverStateIn(state, options.name),
          waitsMs,
          newId,
          now,
          terminalServerState: stateNow,
          sleep,
          startTimer,
        }),
      );
  } catch (error) {
    await closeAll();
    throw error;
  }
  const retryReports = (): void => {
    for (const s of opened) s.reports.retryAll();
  };

  const requestOf = async (ask: LicenseRequest, withUnconfirmedLogOn: boolean): Promise<Decision> => {
    if (mode === undefined || mode === 'remote-administration')
      throw new FaultError(fault('INVALID_BODY', 'Without a licensing mode no license can be asked for.'));
    const request = { ...ask, requestId: ask.requestId ?? newId(), mode, version };
    const decision = await servers.request(request, withUnconfirmedLogOn);
    const { outcome, decidedAt } = decision;
    // The license server's time also moves the grace period's clock forward.
    void state.changeLazily((k) => (k.grace ? { ...k, grace: timePassed(k.grace, decidedAt) } : k));
    if (outcome.kind === 'per-user' || (outcome.kind === 'license' && outcome.licenseKind === 'full'))
      endGrace();
    return decision;
  };
  const endGrace = (): void => {
    if (state.now().grace?.endedByLicense === true) return;
    void state.change((k) => ({ ...k, grace: licenseSeen(k.grace, now()) }));
    retryReports();
  };

  let trustAskedAt = performance.now();
  const chores = setInterval(() => {
    const every = performance.now() - trustAskedAt > TRUST_INTERVAL_MS;
    if (every) trustAskedAt = performance.now();
    for (const s of opened) if (every || s.state.now().trust === null) s.link.askForTrust();
    void state.changeLazily((k) => (k.grace ? { ...k, grace: timePassed(k.grace, now()) } : k));
    if (state.unsaved() !== null) void state.write();
    retryReports();
  }, againMs);
  chores.unref();

  await Promise.all(opened.map((s) => s.ready));

  const statusOf = (s: LicenseServer): LicenseServerStatus => {
    const { trust } = s.state.now();
    return {
      name: s.name,
      link: s.link.state(),
      licenseServerId: trust?.licenseServerId ?? null,
      generation: trust?.generation ?? null,
      ended: trust?.ended.length ?? 0,
    };
  };
  return {
    admit: createAdmission({
      state: state,
      servers,
      changed: retryReports,
      mode,
      version,
      now,
      request: (ask) => requestOf(ask, true),
    }),
    request: (ask) => requestOf(ask, false),
    validated: (licenseId, hardwareId) => servers.logOn(licenseId, hardwareId.toLowerCase()),
    check: servers.check,
    status: () => {
      const [first, ...others] = opened.map(statusOf);
      const unconfirmed = opened.map((s) => s.reports.unconfirmed());
      return {
        link: first?.link ?? { kind: 'away', why: 'closed' },
        grace: graceNow(),
        generation: first?.generation ?? null,
        settings: settingsOf(servers.trust()),
        ended: first?.ended ?? 0,
        further: others,
        waiting: {
          logOns: unconfirmed.reduce((sum, w) => sum + w.logOns, 0),
          relearns: unconfirmed.reduce((sum, w) => sum + w.relearns, 0),
        },
        unsaved: state.unsaved(),
      };
    },
    ignored: () => opened.reduce((sum, s) => sum + s.link.ignored(), 0),
    close: async () => {
      clearInterval(chores);
      await closeAll();
      await state.write();
      await store.close?.();
    },
  };
};
