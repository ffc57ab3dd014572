// Reports that a terminal server repeats until a decision confirms them: log-ons (D5), licenses of an earlier generation on which it
// admitted clients (N4), and its own state.

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
  /** Reports a log-on. Rejects if no decision arrives by the deadline; the report is still repeated. */
  readonly logOn: (licenseId: string, hardwareId: string) => Promise<Decision>;
  /** A decision on a request confirmed the log-on. */
  readonly logOnConfirmed: (licenseId: string) => void;
  readonly readmit: (license: string, claims: LicenseClaims, generation: string) => void;
  /** Repeats all unconfirmed reports. Also reports the terminal server's state if it changed or was reported a day ago. */
  readonly retryAll: () => void;
  /** The numbers of unconfirmed reports. */
  readonly unconfirmed: () => { readonly logOns: number; readonly relearns: number };
};

export type ReportQueueDeps = {
  readonly state: ServerState;
  readonly client: Pick<RequestClient, 'ask'>;
  readonly terminalServerId: string;
  readonly waitsMs: number;
  readonly newId: () => string;
  readonly now: () => number;
  /** Null if this terminal server does not report its state. */
  readonly terminalServerState: () => TerminalServerState | null;
  /** The certificate chain of a license whose issuing key is no longer published. */
  readonly chainFor: (license: string) => string[] | undefined;
};

type Readmission = { readonly licenseId: string; readonly license: string; readonly requestId: string };

const DAY_MS = 86_400_000;
/** The number of reports of each kind that are sent together. */
const MAX_REPORTS_AT_ONCE = 64;
const MAX_READMISSIONS = 10_000;

/** Resolves with true if the report needs no repeat: a decision arrived, or a fault that no retry can change. */
const isSettled = async (decision: Promise<Decision>): Promise<boolean> => {
  try {
    await decision;
    return true;
  } catch (error) {
    const f = faultOf(error);
    return f !== undefined && faults[f.code].verdict === 'give-up';
  }
};

/** The license server refused a report of the state as too early. It must be repeated. */
const isTooSoon = async (decision: Promise<Decision>): Promise<boolean> => {
  const { outcome } = await decision.catch(() => ({ outcome: undefined }));
  return outcome?.kind === 'refused' && outcome.again === 'later';
};

export const createReportQueue = (d: ReportQueueDeps): ReportQueue => {
  const id = d.terminalServerId;
  const readmissions = new Map<string, Readmission>();
  const readmitted = new Set<string>();
  let readmittedGeneration = '';
  let reported: { readonly state: string; readonly at: number } | undefined;
  let reportingState = false;

  const encodeOnce = <C extends Contract>(c: C, requestId: string, body: Body<C>): (() => Uint8Array) => {
    const bytes = encode(c, { id: d.newId(), sentAt: d.now(), correlationId: requestId }, body);
    return () => bytes;
  };
  const confirmed = (licenseId: string): void => {
    void d.state.change((k) => {
      const logOns = logOnConfirmed(k.logOns, licenseId);
      return logOns === k.logOns ? k : { ...k, logOns: [...logOns] };
    });
  };
  const reportLogOn = (l: {
    requestId: string;
    licenseId: string;
    hardwareId: string;
  }): Promise<Decision> => {
    const { requestId, licenseId, hardwareId } = l;
    const body = { requestId, waitsMs: d.waitsMs, licenseId, hardwareId };
    const bytes = encodeOnce(licenseValidated, requestId, body);
    const decision = d.client.ask({ subject: subjects.license.validated(id), requestId, bytes });
    void isSettled(decision).then((yes) => yes && confirmed(licenseId));
    return decision;
  };
  const reportReadmission = async (r: Readmission): Promise<void> => {
    const chain = d.chainFor(r.license);
    const body = {
      requestId: r.requestId,
      waitsMs: d.waitsMs,
      license: r.license,
      ...(chain ? { chain } : {}),
    };
    const { requestId } = r;
    const bytes = encodeOnce(licenseRelearn, requestId, body);
    const decision = d.client.ask({ subject: subjects.license.relearn(id), requestId, bytes });
    if (!(await isSettled(decision))) return;
    if (readmissions.get(r.licenseId) === r) readmitted.add(r.licenseId);
    readmissions.delete(r.licenseId);
  };
  const reportState = async (): Promise<void> => {
    const state = d.terminalServerState();
    const text = JSON.stringify(state);
    if (!state || reportingState || (reported?.state === text && d.now() - reported.at < DAY_MS)) return;
    reportingState = true;
    const requestId = d.newId();
    const bytes = encodeOnce(licenseStands, requestId, { requestId, waitsMs: d.waitsMs, ...state });
    const decision = d.client.ask({ subject: subjects.license.stands(id), requestId, bytes });
    const accepted = (await isSettled(decision)) && !(await isTooSoon(decision));
    if (accepted) reported = { state: text, at: d.now() };
    reportingState = false;
    // The state may have changed during the report.
    if (accepted) await reportState();
  };

  return {
    logOn: (licenseId, hardwareId) => {
      void d.state.change((k) => {
        const logOns = logOnReported(k.logOns, { licenseId, hardwareId, requestId: d.newId() });
        return logOns === k.logOns ? k : { ...k, logOns: [...logOns] };
      });
      const stored = d.state
        .now()
        .logOns.find((l) => l.licenseId === licenseId && l.hardwareId === hardwareId);
      return reportLogOn(stored ?? { licenseId, hardwareId, requestId: d.newId() });
    },
    logOnConfirmed: confirmed,
    readmit: (license, claims, generation) => {
      // A new generation of the ledger must learn every license again.
      if (generation !== readmittedGeneration) {
        readmissions.clear();
        readmitted.clear();
        readmittedGeneration = generation;
      }
      const licenseId = claims.jti;
      if (readmissions.has(licenseId) || readmitted.has(licenseId) || readmissions.size >= MAX_READMISSIONS)
        return;
      const r: Readmission = { licenseId, license, requestId: d.newId() };
      readmissions.set(licenseId, r);
      void reportReadmission(r);
    },
    retryAll: () => {
      for (const l of d.state.now().logOns.slice(0, MAX_REPORTS_AT_ONCE))
        void reportLogOn(l).catch(() => undefined);
      for (const r of [...readmissions.values()].slice(0, MAX_REPORTS_AT_ONCE)) void reportReadmission(r);
      void reportState();
    },
    unconfirmed: () => ({ logOns: d.state.now().logOns.length, relearns: readmissions.size }),
  };
};
