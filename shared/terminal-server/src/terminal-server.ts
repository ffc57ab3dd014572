// A terminal server: its state, its license servers, and the work that it repeats.

import { fault, FaultError } from '@calbus/contracts/faults';
import type { Grace } from '@calbus/contracts/ledger';
import { newId } from '@calbus/runtime/ids';
import type { LicenseCheck } from '@calbus/licenses/verifier';
import { createAdmission, type Admission } from './admission.ts';
import type { Environment } from './environment.ts';
import type { Decision } from './request-client.ts';
import { graceDaysOf, graceOf, licenseSeen, timePassed } from './domain/grace.ts';
import { settingsOf } from './domain/trust-snapshot.ts';
import { persistIn, serverStateIn, type PersistedState } from './persisted-state.ts';
import { openLicenseServer, type LicenseServer, type LicenseServerDeps } from './license-server.ts';
import { createFailover, type LicenseServers } from './failover.ts';
import { memoryStore } from './memory-store.ts';
import type { LicenseRequest, TerminalServerOptions } from './options.ts';
import { terminalServerStatus, type TerminalServerStatus } from './status.ts';
import { emptyState, type Store } from './store.ts';
import type { TerminalServerState } from './report-queue.ts';

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

/** Rejects if the seed is invalid or the store cannot be read. */
export const openTerminalServer = async (
  o: TerminalServerOptions,
  environment: Environment,
): Promise<TerminalServer> => {
  const store = o.store ?? memoryStore();
  try {
    return await openWith(o, await open(o, store), store, environment);
  } catch (error) {
    await store.close?.();
    throw error;
  }
};

/** Opens a license server for each entry of the list. Closes all of them if one cannot be opened. */
const openLicenseServers = async (
  o: TerminalServerOptions,
  deps: Omit<LicenseServerDeps, 'options' | 'state'>,
  state: PersistedState,
): Promise<readonly LicenseServer[]> => {
  const listed = [o, ...(o.further ?? []).map((f) => ({ terminalServerId: o.terminalServerId, ...f }))];
  const duplicate = listed.find((l, n) => listed.findIndex((x) => x.name === l.name) !== n);
  if (duplicate)
    throw new Error(`Two license servers are named "${duplicate.name}": give each a name of its own.`);
  const opened: LicenseServer[] = [];
  try {
    for (const options of listed)
      opened.push(openLicenseServer({ ...deps, options, state: serverStateIn(state, options.name) }));
    return opened;
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
};

const closeAll = async (servers: readonly LicenseServer[]): Promise<void> => {
  for (const s of servers) await s.close();
};

/** Requests a decision and applies its effect on the grace period. `endGrace` runs after a full license or a Per User grant. */
const createRequest =
  (
    { mode, version }: TerminalServerOptions,
    servers: LicenseServers,
    state: PersistedState,
    endGrace: () => void,
  ) =>
  async (ask: LicenseRequest, withUnconfirmedLogOn: boolean): Promise<Decision> => {
    if (mode === undefined || mode === 'remote-administration')
      throw new FaultError(fault('INVALID_BODY', 'A request for a license needs a licensing mode.'));
    const request = { ...ask, requestId: ask.requestId ?? newId(), mode, version };
    const decision = await servers.request(request, withUnconfirmedLogOn);
    const { outcome, decidedAt } = decision;
    // The license server's time also moves the grace period's clock forward.
    void state.changeLazily((k) => (k.grace ? { ...k, grace: timePassed(k.grace, decidedAt) } : k));
    if (outcome.kind === 'per-user' || (outcome.kind === 'license' && outcome.licenseKind === 'full'))
      endGrace();
    return decision;
  };

/** Work at an interval: trust snapshots, the grace period's clock, unwritten state, unconfirmed reports. */
const startPeriodicWork = (
  all: readonly LicenseServer[],
  state: PersistedState,
  now: () => number,
  intervalMs: number,
  { monotonic, startInterval }: Environment,
): (() => void) => {
  let trustRequestedAt = monotonic();
  return startInterval(intervalMs, () => {
    const isDue = monotonic() - trustRequestedAt > TRUST_INTERVAL_MS;
    if (isDue) trustRequestedAt = monotonic();
    for (const s of all) if (isDue || s.state.now().trust === null) s.link.askForTrust();
    void state.changeLazily((k) => (k.grace ? { ...k, grace: timePassed(k.grace, now()) } : k));
    if (state.unsaved() !== null) void state.write();
    retryReports(all);
  });
};

const retryReports = (all: readonly LicenseServer[]): void => {
  for (const s of all) s.reports.retryAll();
};

const openWith = async (
  o: TerminalServerOptions,
  state: PersistedState,
  store: Store,
  environment: Environment,
): Promise<TerminalServer> => {
  const { mode, version, waitsMs = 8_000, againMs = REPORT_INTERVAL_MS } = o;
  const now = (): number => Math.floor((o.now ?? Date.now)());
  const graceNow = (): Grace =>
    graceOf(state.now().grace, graceDaysOf(settingsOf(servers.trust()).graceDays, version));
  const terminalServerState = (): TerminalServerState | null =>
    o.store && mode !== 'remote-administration' ? { version, mode: mode ?? null, grace: graceNow() } : null;
  const all = await openLicenseServers(o, { waitsMs, newId, now, terminalServerState, environment }, state);
  const servers = createFailover(all, waitsMs, environment.monotonic);
  const changed = (): void => retryReports(all);
  const endGrace = (): void => {
    if (state.now().grace?.endedByLicense === true) return;
    void state.change((k) => ({ ...k, grace: licenseSeen(k.grace, now()) }));
    changed();
  };
  const request = createRequest(o, servers, state, endGrace);
  const stopPeriodicWork = startPeriodicWork(all, state, now, againMs, environment);
  await Promise.all(all.map((s) => s.ready));
  return {
    admit: createAdmission({
      state,
      servers,
      changed,
      mode,
      version,
      now,
      request: (ask) => request(ask, true),
    }),
    request: (ask) => request(ask, false),
    validated: (licenseId, hardwareId) => servers.logOn(licenseId, hardwareId.toLowerCase()),
    check: servers.check,
    status: () => terminalServerStatus(servers, state, graceNow()),
    ignored: () => all.reduce((sum, s) => sum + s.link.ignored(), 0),
    close: async () => {
      stopPeriodicWork();
      await closeAll(all);
      await state.write();
      await store.close?.();
    },
  };
};
