// Admits or refuses a client by the table of rows. Asks the license server when no row decides without it.

import { faultOf, type Fault } from '@calbus/contracts/faults';
import { refusals, type RefusalCode } from '@calbus/contracts/refusals';
import type { TerminalServerRow } from '@calbus/contracts/rows';
import type { ProductVersion } from '@calbus/contracts/versions';
import type { Decision } from './request-client.ts';
import {
  refusalOf,
  rowAfterAsking,
  rowBeforeAsking,
  type AdmissionRow,
  type ServerAnswer,
  type Situation,
} from './domain/admission.ts';
import { clientSeen, daysLeft, graceDaysOf, timePassed } from './domain/grace.ts';
import { presentedLicense } from './domain/presented-license.ts';
import { settingsOf } from './domain/trust-snapshot.ts';
import type { PersistedState } from './persisted-state.ts';
import type { LicenseServers } from './failover.ts';
import type { LicenseRequest, TerminalServerMode } from './options.ts';

type AdmissionFacts = {
  readonly row: TerminalServerRow;
  /** The license server's decision; null if it was not asked or did not answer. */
  readonly decision: Decision | null;
  /** Why the license server did not decide; null if it decided or was not asked. */
  readonly fault: Fault | null;
  /** Why the presented license does not count; null if it counts, or if the client presented none. */
  readonly notCounted: string | null;
};

export type Admission = AdmissionFacts &
  (
    | {
        readonly admit: true;
        /** The license that the client stores from now on; null if the client keeps its present one. */
        readonly license: string | null;
        readonly refusal: null;
        /** Set by the rows that admit by grace, G0 and G1; else null. */
        readonly graceDaysLeft: number | null;
      }
    | {
        readonly admit: false;
        readonly license: null;
        readonly refusal: { readonly code: RefusalCode; readonly says: string; readonly todo: string };
        readonly graceDaysLeft: null;
      }
  );

export type AdmissionDeps = {
  readonly state: PersistedState;
  readonly servers: LicenseServers;
  /** Called when the state that this terminal server reports has changed. */
  readonly changed: () => void;
  readonly mode: TerminalServerMode | undefined;
  readonly version: ProductVersion;
  readonly now: () => number;
  readonly request: (ask: LicenseRequest) => Promise<Decision>;
};

const answerOf = ({ outcome }: Decision): ServerAnswer =>
  outcome.kind === 'refused' ? { kind: 'refused', code: outcome.code } : { kind: 'granted' };

/** The admission by a row. `graceDaysLeft` is read only by the rows that admit by grace. */
const admissionBy = (
  { id, act }: AdmissionRow<never>,
  facts: Omit<AdmissionFacts, 'row'>,
  graceDaysLeft: () => number,
  answer?: ServerAnswer,
): Admission => {
  const common = { row: id, ...facts };
  if (act === 'refuse') {
    const code = refusalOf(id, answer);
    const { says, todo } = refusals[code];
    return { ...common, admit: false, license: null, refusal: { code, says, todo }, graceDaysLeft: null };
  }
  const outcome = facts.decision?.outcome;
  const license = id === 'A1' && outcome?.kind === 'license' ? outcome.license : null;
  const byGrace = id === 'G0' || id === 'G1';
  return { ...common, admit: true, license, refusal: null, graceDaysLeft: byGrace ? graceDaysLeft() : null };
};

/** The decision, or the fault that prevented it. Rejects with any other error. */
const decisionOrFault = async (
  decision: Promise<Decision>,
): Promise<{ decision: Decision | null; fault: Fault | null }> => {
  try {
    return { decision: await decision, fault: null };
  } catch (error) {
    const fault = faultOf(error);
    if (!fault) throw error;
    return { decision: null, fault };
  }
};

export const createAdmission = (d: AdmissionDeps): ((ask: LicenseRequest) => Promise<Admission>) => {
  const { state } = d;
  const mode = d.mode ?? 'not-configured';
  const graceLeft = (): number => {
    const { graceDays } = settingsOf(d.servers.trust());
    return daysLeft(state.now().grace, graceDaysOf(graceDays, d.version));
  };

  /** The facts on which the table decides. */
  const look = (ask: LicenseRequest) => {
    const { renewalLeadDays, perUserWhenUnreachable } = settingsOf(d.servers.trust());
    const { hardwareId } = ask.device;
    const checked =
      ask.presented === undefined
        ? undefined
        : d.servers.checkFor(ask.presented, hardwareId.toLowerCase(), mode);
    const claims = checked?.ok ? checked.claims : undefined;
    const s: Situation = {
      mode,
      inGrace: graceLeft() > 0,
      presented: claims ? presentedLicense(claims, d.version, d.now(), renewalLeadDays) : null,
      userAuthenticated: ask.user?.authenticatedBy !== undefined,
      perUserWhenUnreachable,
    };
    const notCounted = checked && !checked.ok ? checked.why : null;
    return { s, claims, notCounted };
  };
  const beginGrace = async (): Promise<void> => {
    const before = state.now().grace;
    const recordClient = (): Promise<boolean> => {
      const change = before ? state.changeLazily : state.change;
      return change((k) => ({ ...k, grace: clientSeen(k.grace, d.now()) }));
    };
    const written = await recordClient();
    if (before) return;
    if (written) d.changed();
    else void state.change((k) => ({ ...k, grace: null }));
  };
  const passTime = (): void =>
    void state.changeLazily((k) => (k.grace ? { ...k, grace: timePassed(k.grace, d.now()) } : k));

  return async (ask) => {
    if (mode !== 'remote-administration') await beginGrace();
    const first = look(ask);
    const row = rowBeforeAsking(first.s);
    if (row) {
      const { claims, notCounted } = first;
      if (row.id === 'D1' && claims) d.servers.admittedOffline(ask.presented ?? '', claims);
      return admissionBy(row, { decision: null, fault: null, notCounted }, graceLeft);
    }
    const { decision, fault } = await decisionOrFault(d.request(ask));
    passTime();
    const { s, notCounted } = look(ask);
    const answer: ServerAnswer = decision ? answerOf(decision) : { kind: 'unreachable' };
    return admissionBy(rowAfterAsking({ ...s, answer }), { decision, fault, notCounted }, graceLeft, answer);
  };
};
