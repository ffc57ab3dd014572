// What a terminal server embeds: lets clients in by the rules, asks for licenses, reports log-ons, and verifies every license it
// is given. It works while NATS is away, on what it kept.

import { fault, FaultError } from '@calbus/contracts/faults';
import type { Grace } from '@calbus/contracts/ledger';
import type { TerminalServerSettings } from '@calbus/contracts/settings';
import { newId } from '@calbus/licenses/ids';
import type { LicenseCheck } from '@calbus/licenses/licenses';
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
  /** Null before it has said who it is. */
  readonly licenseServerId: string | null;
  readonly generation: string | null;
  /** How many of its licenses are known to have ended early. */
  readonly ended: number;
};

/** `link`, `generation` and `ended` are of the first license server. */
export type TerminalServerStatus = {
  readonly link: LinkState;
  /** How the grace period stands; null before the first client. */
  readonly grace: Grace;
  /** The generation of the license server's ledger, as last told; null where nobody has told yet. */
  readonly generation: string | null;
  /** The settings it goes by. */
  readonly settings: TerminalServerSettings;
  /** How many licenses it knows to have ended early. */
  readonly ended: number;
  readonly further: readonly LicenseServerStatus[];
  /** Reports that are not confirmed yet. */
  readonly waiting: { readonly logOns: number; readonly relearns: number };
  /** Why what is to be kept could not be written; null where it was. */
  readonly unsaved: string | null;
};

export type TerminalServer = {
  /**
   * Whether the client is let in, by the rules of docs/issuance.md ("At the terminal server"). Asks the license server where they
   * say so. What goes wrong on the way counts as "unreachable": it does not reject.
   */
  readonly admit: (ask: LicenseRequest) => Promise<Admission>;
  /** The license server's decision. Rejects with a FaultError: TIMEOUT, BUSY, UNREACHABLE, or what was wrong with the request. */
  readonly request: (ask: LicenseRequest) => Promise<Decision>;
  /**
   * Reports a log-on from the device that holds this temporary license. Rejects as `request` does, but goes on reporting it until
   * a decision confirms it.
   */
  readonly validated: (licenseId: string, hardwareId: string) => Promise<Decision>;
  /** Whether a license is genuine, by what is known of who may sign; works without any connection. */
  readonly check: (license: string) => LicenseCheck;
  readonly status: () => TerminalServerStatus;
  /** Messages on this terminal server's subjects that were none of calbus's. */
  readonly ignored: () => number;
  readonly close: () => Promise<void>;
};

/** An abort only wakes the sleeper early. */
const sleep: Sleep = (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined);
const later: StartTimer = (ms, act) => {
  const timer = setTimeout(act, ms);
  return () => clearTimeout(timer);
};
const REPORT_INTERVAL_MS = 60_000;
/** Whom to trust is asked anew so often even where nobody says that it changed. */
const TRUST_INTERVAL_MS = 600_000;

const open = async (o: TerminalServerOptions, store: Store): Promise<PersistedState> => {
  const kept = await store.load();
  if (kept && kept.terminalServerId !== o.terminalServerId) {
    const whose = `What is kept there is of the terminal server "${kept.terminalServerId}"`;
    throw new Error(`${whose}, not of "${o.terminalServerId}": each needs a store of its own.`);
  }
  return persistIn(store, kept ?? emptyState(o.terminalServerId));
};

/**
 * Does not wait for a connection that cannot be made: `status` says how it stands. Rejects where the seed is none, and where the
 * store cannot be read.
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
  keeping: PersistedState,
  store: Store,
): Promise<TerminalServer> => {
  const { mode, version, waitsMs = 8_000, againMs = REPORT_INTERVAL_MS, further = [] } = o;
  const now = (): number => Math.floor((o.now ?? Date.now)());
  const graceNow = (): Grace =>
    graceOf(keeping.now().grace, graceDaysOf(settingsOf(servers.trust()).graceDays, version));
  const standing = (): TerminalServerState | null =>
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
          state: serverStateIn(keeping, options.name),
          waitsMs,
          newId,
          now,
          terminalServerState: standing,
          sleep,
          startTimer: later,
        }),
      );
  } catch (error) {
    await closeAll();
    throw error;
  }
  const tellAll = (): void => {
    for (const s of opened) s.reports.retryAll();
  };

  const requestOf = async (ask: LicenseRequest, takeAlong: boolean): Promise<Decision> => {
    if (mode === undefined || mode === 'remote-administration')
      throw new FaultError(fault('INVALID_BODY', 'Without a licensing mode no license can be asked for.'));
    const asked = { ...ask, requestId: ask.requestId ?? newId(), mode, version };
    const decision = await servers.request(asked, takeAlong);
    const { outcome, decidedAt } = decision;
    // The license server's time, too, is one that was seen.
    void keeping.changeLazily((k) => (k.grace ? { ...k, grace: timePassed(k.grace, decidedAt) } : k));
    if (outcome.kind === 'per-user' || (outcome.kind === 'license' && outcome.licenseKind === 'full'))
      endGrace();
    return decision;
  };
  const endGrace = (): void => {
    if (keeping.now().grace?.endedByLicense === true) return;
    void keeping.change((k) => ({ ...k, grace: licenseSeen(k.grace, now()) }));
    tellAll();
  };

  let trustAskedAt = performance.now();
  const chores = setInterval(() => {
    const every = performance.now() - trustAskedAt > TRUST_INTERVAL_MS;
    if (every) trustAskedAt = performance.now();
    for (const s of opened) if (every || s.state.now().trust === null) s.link.askForTrust();
    void keeping.changeLazily((k) => (k.grace ? { ...k, grace: timePassed(k.grace, now()) } : k));
    if (keeping.unsaved() !== null) void keeping.write();
    tellAll();
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
      state: keeping,
      servers,
      changed: tellAll,
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
      const waiting = opened.map((s) => s.reports.unconfirmed());
      return {
        link: first?.link ?? { kind: 'away', why: 'closed' },
        grace: graceNow(),
        generation: first?.generation ?? null,
        settings: settingsOf(servers.trust()),
        ended: first?.ended ?? 0,
        further: others,
        waiting: {
          logOns: waiting.reduce((sum, w) => sum + w.logOns, 0),
          relearns: waiting.reduce((sum, w) => sum + w.relearns, 0),
        },
        unsaved: keeping.unsaved(),
      };
    },
    ignored: () => opened.reduce((sum, s) => sum + s.link.ignored(), 0),
    close: async () => {
      clearInterval(chores);
      await closeAll();
      await keeping.write();
      await store.close?.();
    },
  };
};
