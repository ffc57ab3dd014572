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
import { logOnConfirmed, logOnReported, type StoredLogOn } from './domain/log-ons.ts';
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

/** Encodes a report once and sends it until its decision or its deadline. */
const sendReport = <C extends Contract>(
  d: ReportQueueDeps,
  subject: string,
  contract: C,
  requestId: string,
  body: Body<C>,
): Promise<Decision> => {
  const bytes = encode(contract, { id: d.newId(), sentAt: d.now(), correlationId: requestId }, body);
  return d.client.ask({ subject, requestId, bytes: () => bytes });
};

const createLogOnReports = (d: ReportQueueDeps) => {
  const change = (next: (logOns: readonly StoredLogOn[]) => readonly StoredLogOn[]): void => {
    void d.state.change((k) => {
      const logOns = next(k.logOns);
      return logOns === k.logOns ? k : { ...k, logOns: [...logOns] };
    });
  };
  const confirm = (licenseId: string): void => change((logOns) => logOnConfirmed(logOns, licenseId));
  const send = (logOn: StoredLogOn): Promise<Decision> => {
    const { requestId, licenseId, hardwareId } = logOn;
    const body = { requestId, waitsMs: d.waitsMs, licenseId, hardwareId };
    const subject = subjects.license.validated(d.terminalServerId);
    const decision = sendReport(d, subject, licenseValidated, requestId, body);
    void isSettled(decision).then((settled) => settled && confirm(licenseId));
    return decision;
  };
  return {
    confirm,
    report: (licenseId: string, hardwareId: string): Promise<Decision> => {
      const logOn = { licenseId, hardwareId, requestId: d.newId() };
      change((logOns) => logOnReported(logOns, logOn));
      const { logOns } = d.state.now();
      return send(logOns.find((l) => l.licenseId === licenseId && l.hardwareId === hardwareId) ?? logOn);
    },
    retry: (): void => {
      for (const l of d.state.now().logOns.slice(0, MAX_REPORTS_AT_ONCE)) void send(l).catch(() => undefined);
    },
    count: () => d.state.now().logOns.length,
  };
};

const createReadmissionReports = (d: ReportQueueDeps) => {
  const pending = new Map<string, Readmission>();
  const confirmed = new Set<string>();
  let confirmedIn = '';
  const send = async (r: Readmission): Promise<void> => {
    const { requestId, license, licenseId } = r;
    const chain = d.chainFor(license);
    const body = { requestId, waitsMs: d.waitsMs, license, ...(chain ? { chain } : {}) };
    const subject = subjects.license.relearn(d.terminalServerId);
    if (!(await isSettled(sendReport(d, subject, licenseRelearn, requestId, body)))) return;
    if (pending.get(licenseId) === r) confirmed.add(licenseId);
    pending.delete(licenseId);
  };
  return {
    report: (license: string, claims: LicenseClaims, generation: string): void => {
      // A new generation of the ledger must learn every license again.
      if (generation !== confirmedIn) {
        pending.clear();
        confirmed.clear();
        confirmedIn = generation;
      }
      const licenseId = claims.jti;
      if (pending.has(licenseId) || confirmed.has(licenseId) || pending.size >= MAX_READMISSIONS) return;
      const r: Readmission = { licenseId, license, requestId: d.newId() };
      pending.set(licenseId, r);
      void send(r);
    },
    retry: (): void => {
      for (const r of [...pending.values()].slice(0, MAX_REPORTS_AT_ONCE)) void send(r);
    },
    count: () => pending.size,
  };
};

/** Reports the terminal server's state if it changed or was reported a day ago. */
const createStateReport = (d: ReportQueueDeps): (() => Promise<void>) => {
  let reported: { readonly state: string; readonly at: number } | undefined;
  let isReporting = false;
  const report = async (): Promise<void> => {
    const state = d.terminalServerState();
    const text = JSON.stringify(state);
    if (!state || isReporting || (reported?.state === text && d.now() - reported.at < DAY_MS)) return;
    isReporting = true;
    const requestId = d.newId();
    const body = { requestId, waitsMs: d.waitsMs, ...state };
    const subject = subjects.license.stands(d.terminalServerId);
    const decision = sendReport(d, subject, licenseStands, requestId, body);
    const accepted = (await isSettled(decision)) && !(await isTooSoon(decision));
    if (accepted) reported = { state: text, at: d.now() };
    isReporting = false;
    // The state may have changed during the report.
    if (accepted) await report();
  };
  return report;
};

export const createReportQueue = (d: ReportQueueDeps): ReportQueue => {
  const logOns = createLogOnReports(d);
  const readmissions = createReadmissionReports(d);
  const reportState = createStateReport(d);
  return {
    logOn: logOns.report,
    logOnConfirmed: logOns.confirm,
    readmit: readmissions.report,
    retryAll: () => {
      logOns.retry();
      readmissions.retry();
      void reportState();
    },
    unconfirmed: () => ({ logOns: logOns.count(), relearns: readmissions.count() }),
  };
};
