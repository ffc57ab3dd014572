// What a terminal server says of its own accord, again and again until a decision confirms it: log-ons (D5), licenses of an
// earlier life of the ledger on which it let clients in (N4), and how it stands.

import { encode, type Body, type Contract } from '@calbus/contracts/envelope';
import { faultOf, faults } from '@calbus/contracts/faults';
import type { Grace } from '@calbus/contracts/ledger';
import type { LicenseClaims } from '@calbus/contracts/license';
import { subjects } from '@calbus/contracts/subjects';
import { licenseRelearn, licenseStands, licenseValidated } from '@calbus/contracts/terminal-server-messages';
import type { LicensingMode } from '@calbus/contracts/tokens';
import type { ProductVersion } from '@calbus/contracts/versions';
import type { RequestClient, Decision } from './request-client.ts';
import { logOnConfirmed, logOnReported } from './domain/log-ons.ts';
import type { ServerState } from './persisted-state.ts';

export type TerminalServerState = {
  readonly version: ProductVersion;
  readonly mode: LicensingMode | null;
  readonly grace: Grace;
};

export type ReportQueue = {
  /** Reports a log-on; rejects where no decision came by the deadline, and goes on reporting it. */
  readonly logOn: (licenseId: string, hardwareId: string) => Promise<Decision>;
  /** A decision took the log-on with it. */
  readonly logOnConfirmed: (licenseId: string) => void;
  readonly readmit: (license: string, claims: LicenseClaims, generation: string) => void;
  /** Says again whatever is not confirmed, and how it stands where that changed or a day has passed. */
  readonly retryAll: () => void;
  /** How much is not confirmed yet. */
  readonly unconfirmed: () => { readonly logOns: number; readonly relearns: number };
};

export type ReportQueueDeps = {
  readonly state: ServerState;
  readonly client: Pick<RequestClient, 'ask'>;
  readonly terminalServerId: string;
  readonly waitsMs: number;
  readonly newId: () => string;
  readonly now: () => number;
  /** Null where this terminal server has nothing to say of itself. */
  readonly terminalServerState: () => TerminalServerState | null;
  /** What is to be shown with a license whose key is not published any more. */
  readonly chainFor: (license: string) => string[] | undefined;
};

type Readmission = { readonly licenseId: string; readonly license: string; readonly requestId: string };

const DAY_MS = 86_400_000;
/** So many of each kind go out at once. */
const MAX_REPORTS_AT_ONCE = 64;
const MAX_READMISSIONS = 10_000;

/** Resolves once nothing more will come of saying it: decided, or taken by nobody. */
const settled = async (asked: Promise<Decision>): Promise<boolean> => {
  try {
    await asked;
    return true;
  } catch (error) {
    const f = faultOf(error);
    return f !== undefined && faults[f.code].verdict === 'give-up';
  }
};

/** Said again too soon, it was not taken: it is to be said once more. */
const isTooSoon = async (asked: Promise<Decision>): Promise<boolean> => {
  const { outcome } = await asked.catch(() => ({ outcome: undefined }));
  return outcome?.kind === 'refused' && outcome.again === 'later';
};

export const createReportQueue = (d: ReportQueueDeps): ReportQueue => {
  const id = d.terminalServerId;
  const relearns = new Map<string, Readmission>();
  const relearned = new Set<string>();
  let relearnedFor = '';
  let told: { readonly standing: string; readonly at: number } | undefined;
  let tellingHow = false;

  const bytesOf = <C extends Contract>(c: C, requestId: string, body: Body<C>): (() => Uint8Array) => {
    const bytes = encode(c, { id: d.newId(), sentAt: d.now(), correlationId: requestId }, body);
    return () => bytes;
  };
  const confirmed = (licenseId: string): void => {
    void d.state.change((k) => {
      const logOns = logOnConfirmed(k.logOns, licenseId);
      return logOns === k.logOns ? k : { ...k, logOns: [...logOns] };
    });
  };
  const sayLogOn = (l: { requestId: string; licenseId: string; hardwareId: string }): Promise<Decision> => {
    const { requestId, licenseId, hardwareId } = l;
    const body = { requestId, waitsMs: d.waitsMs, licenseId, hardwareId };
    const bytes = bytesOf(licenseValidated, requestId, body);
    const asked = d.client.ask({ subject: subjects.license.validated(id), requestId, bytes });
    void settled(asked).then((yes) => yes && confirmed(licenseId));
    return asked;
  };
  const sayRelearn = async (r: Readmission): Promise<void> => {
    const chain = d.chainFor(r.license);
    const body = {
      requestId: r.requestId,
      waitsMs: d.waitsMs,
      license: r.license,
      ...(chain ? { chain } : {}),
    };
    const { requestId } = r;
    const bytes = bytesOf(licenseRelearn, requestId, body);
    const asked = d.client.ask({ subject: subjects.license.relearn(id), requestId, bytes });
    if (!(await settled(asked))) return;
    if (relearns.get(r.licenseId) === r) relearned.add(r.licenseId);
    relearns.delete(r.licenseId);
  };
  const sayHowItStands = async (): Promise<void> => {
    const standing = d.terminalServerState();
    const text = JSON.stringify(standing);
    if (!standing || tellingHow || (told?.standing === text && d.now() - told.at < DAY_MS)) return;
    tellingHow = true;
    const requestId = d.newId();
    const bytes = bytesOf(licenseStands, requestId, { requestId, waitsMs: d.waitsMs, ...standing });
    const asked = d.client.ask({ subject: subjects.license.stands(id), requestId, bytes });
    const taken = (await settled(asked)) && !(await isTooSoon(asked));
    if (taken) told = { standing: text, at: d.now() };
    tellingHow = false;
    // It may have changed while it was said.
    if (taken) await sayHowItStands();
  };

  return {
    logOn: (licenseId, hardwareId) => {
      void d.state.change((k) => {
        const logOns = logOnReported(k.logOns, { licenseId, hardwareId, requestId: d.newId() });
        return logOns === k.logOns ? k : { ...k, logOns: [...logOns] };
      });
      const kept = d.state.now().logOns.find((l) => l.licenseId === licenseId && l.hardwareId === hardwareId);
      return sayLogOn(kept ?? { licenseId, hardwareId, requestId: d.newId() });
    },
    logOnConfirmed: confirmed,
    readmit: (license, claims, generation) => {
      // In another life of the ledger everything is to be learned once more.
      if (generation !== relearnedFor) {
        relearns.clear();
        relearned.clear();
        relearnedFor = generation;
      }
      const licenseId = claims.jti;
      if (relearns.has(licenseId) || relearned.has(licenseId) || relearns.size >= MAX_READMISSIONS) return;
      const r: Readmission = { licenseId, license, requestId: d.newId() };
      relearns.set(licenseId, r);
      void sayRelearn(r);
    },
    retryAll: () => {
      for (const l of d.state.now().logOns.slice(0, MAX_REPORTS_AT_ONCE))
        void sayLogOn(l).catch(() => undefined);
      for (const r of [...relearns.values()].slice(0, MAX_REPORTS_AT_ONCE)) void sayRelearn(r);
      void sayHowItStands();
    },
    unconfirmed: () => ({ logOns: d.state.now().logOns.length, relearns: relearns.size }),
  };
};
