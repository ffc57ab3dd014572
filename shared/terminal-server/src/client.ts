// What a terminal server embeds: lets clients in by the rules, asks for licenses, reports log-ons, and verifies every license it
// is given. It works while NATS is away, on what it kept.

import { encode, type Body } from '@calbus/contracts/envelope';
import { fault, FaultError } from '@calbus/contracts/faults';
import type { Grace } from '@calbus/contracts/ledger';
import type { TerminalServerSettings } from '@calbus/contracts/settings';
import { subjects } from '@calbus/contracts/subjects';
import { licenseRequest } from '@calbus/contracts/terminal-server-messages';
import type { LicenseCheck } from '@calbus/trust/licenses';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createAdmitting, type Admission } from './admitting.ts';
import { createAsking, type Decision, type Sleep } from './asking.ts';
import { graceDaysOf, graceOf, licenseSeen, timePassed } from './domain/grace.ts';
import { settingsOf } from './domain/trusted.ts';
import { keepIn, type Keeping } from './keeping.ts';
import { openLink, type LinkState } from './link.ts';
import { memoryStore } from './memory-store.ts';
import type { LicenseAsk, TerminalServerOptions } from './options.ts';
import { nothingKept } from './store.ts';
import { createTelling, type Standing } from './telling.ts';
import { createTrusting } from './trusting.ts';

export type { Admission } from './admitting.ts';
export type { Decision } from './asking.ts';
export type { LicenseAsk, TerminalServerMode, TerminalServerOptions } from './options.ts';

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
  readonly admit: (ask: LicenseAsk) => Promise<Admission>;
  /** The license server's decision. Rejects with a FaultError: TIMEOUT, BUSY, UNREACHABLE, or what was wrong with the request. */
  readonly request: (ask: LicenseAsk) => Promise<Decision>;
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

const newId = (): string => randomBytes(16).toString('base64url');
/** An abort only wakes the sleeper early. */
const sleep: Sleep = (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined);
const AGAIN_MS = 60_000;
/** Whom to trust is asked anew so often even where nobody says that it changed. */
const TRUST_EVERY_MS = 600_000;

const open = async (o: TerminalServerOptions): Promise<Keeping> => {
  const store = o.store ?? memoryStore();
  const kept = await store.load();
  if (kept && kept.terminalServerId !== o.terminalServerId) {
    const whose = `What is kept there is of the terminal server "${kept.terminalServerId}"`;
    throw new Error(`${whose}, not of "${o.terminalServerId}": each needs a store of its own.`);
  }
  return keepIn(store, kept ?? nothingKept(o.terminalServerId));
};

/**
 * Does not wait for a connection that cannot be made: `status` says how it stands. Rejects where the seed is none, and where the
 * store cannot be read.
 */
export const connect = async (o: TerminalServerOptions): Promise<TerminalServer> => {
  const id = o.terminalServerId;
  const { mode, version, waitsMs = 8_000, againMs = AGAIN_MS } = o;
  const now = (): number => Math.floor((o.now ?? Date.now)());
  const keeping = await open(o);
  const graceNow = (): Grace => {
    const { grace, trust } = keeping.now();
    return graceOf(grace, graceDaysOf(settingsOf(trust).graceDays, version));
  };
  const standing = (): Standing | null =>
    o.store && mode !== 'remote-administration' ? { version, mode: mode ?? null, grace: graceNow() } : null;

  const link = openLink(
    o,
    {
      decision: (bytes) => asking.take(bytes),
      trust: (snapshot) => {
        trusting.take(snapshot);
        telling.again();
      },
      up: () => asking.reconnected(),
    },
    sleep,
  );
  const asking = createAsking(link.enqueue, sleep, waitsMs);
  const trusting = createTrusting(keeping, o.roots, link.askForTrust, sleep);
  const telling = createTelling({
    keeping,
    asking,
    terminalServerId: id,
    waitsMs,
    newId,
    now,
    standing,
    chainFor: trusting.chainFor,
  });

  const request = async (ask: LicenseAsk): Promise<Decision> => {
    if (mode === undefined || mode === 'remote-administration')
      throw new FaultError(fault('INVALID_BODY', 'Without a licensing mode no license can be asked for.'));
    const { device, user, presented, validatedLicenseId, requestId = newId() } = ask;
    const presentedChain = presented === undefined ? undefined : trusting.chainFor(presented);
    const body: Body<typeof licenseRequest> = {
      requestId,
      waitsMs,
      mode,
      version,
      device: { hardwareId: device.hardwareId.toLowerCase(), name: device.name },
      ...(user ? { user } : {}),
      ...(presented === undefined ? {} : { presented }),
      ...(presentedChain === undefined ? {} : { presentedChain }),
      ...(validatedLicenseId === undefined ? {} : { validatedLicenseId }),
    };
    const bytes = encode(licenseRequest, { id: newId(), sentAt: Date.now(), correlationId: requestId }, body);
    const asked = await asking.ask(subjects.license.request(id), requestId, bytes);
    const decision = await trusting.verified(asked, body.device.hardwareId);
    const { outcome } = decision;
    if (outcome.kind === 'per-user' || (outcome.kind === 'license' && outcome.licenseKind === 'full'))
      endGrace();
    return decision;
  };
  const endGrace = (): void => {
    if (keeping.now().grace?.endedByLicense === true) return;
    void keeping.change((k) => ({ ...k, grace: licenseSeen(k.grace, now()) }));
    telling.again();
  };

  let trustAskedAt = performance.now();
  const chores = setInterval(() => {
    if (performance.now() - trustAskedAt > TRUST_EVERY_MS || keeping.now().trust === null) {
      trustAskedAt = performance.now();
      link.askForTrust();
    }
    void keeping.note((k) => (k.grace ? { ...k, grace: timePassed(k.grace, now()) } : k));
    if (keeping.unsaved() !== null) void keeping.write();
    telling.again();
  }, againMs);
  chores.unref();

  // Who is asked first is known first; but nobody waits for a license server that is away.
  const told = trusting.next();
  await Promise.race([link.tried, told]);
  if (link.state().kind === 'connected') await told;

  return {
    admit: createAdmitting({ keeping, trusting, telling, mode, version, now, request }),
    request,
    validated: (licenseId, hardwareId) => telling.logOn(licenseId, hardwareId.toLowerCase()),
    check: trusting.check,
    status: () => ({
      link: link.state(),
      grace: graceNow(),
      generation: keeping.now().trust?.generation ?? null,
      settings: settingsOf(keeping.now().trust),
      ended: keeping.now().trust?.ended.length ?? 0,
      waiting: telling.waiting(),
      unsaved: keeping.unsaved(),
    }),
    ignored: link.ignored,
    close: async () => {
      clearInterval(chores);
      asking.end(fault('UNREACHABLE', 'The connection was closed.'));
      trusting.end();
      await keeping.write();
      await link.close();
    },
  };
};
