// Why a decision came out as it did: the rules tried again on what it saw, in their order, up to the one that matched. The
// tables themselves say why a row did not.

import type { DecisionFacts, ExplainedStep, RecordedInputs } from '@calbus/contracts/explain-messages';
import type { Allocation } from '@calbus/contracts/allocation-messages';
import {
  newLicenseAdmission,
  requestAdmission,
  givesNew,
  type RequestFacts,
  type NewLicenseFacts,
} from '../rules/admission.ts';
import { predicate, firstFailing, type Predicate } from '../rules/predicate.ts';
import { liveLicensesOf, isLive } from '../rules/live-licenses.ts';
import { perDevice, type PerDeviceFacts, type PerDeviceRow } from '../rules/per-device-table.ts';
import { perUser, type PerUserFacts } from '../rules/per-user-table.ts';
import { presentedLicenseSteps } from './presented-license.ts';
import { servingEntry } from '../state/tables/user-table.ts';

type Asked = Extract<Allocation, { kind: 'license' }>;
type Of<K extends RecordedInputs['kind']> = Extract<RecordedInputs, { kind: K }>;
type Rule<F> = { readonly says: string; readonly needs: readonly Predicate<F>[] };

export type RuleTrace = {
  readonly steps: readonly ExplainedStep[];
  /** The rules as they are now come to the row that decided. */
  readonly agrees: boolean;
};

const whyOf = <F>(needs: readonly Predicate<F>[]): string =>
  needs.length === 0 ? 'none of the rows above matched' : needs.map((c) => c.holds).join(', and ');

/** The rules up to the first that matches, which is given as well. */
const tried = <F, R extends Rule<F>>(
  rules: readonly R[],
  idOf: (rule: R) => string,
  facts: F,
): { readonly steps: ExplainedStep[]; readonly match: R | undefined } => {
  const steps: ExplainedStep[] = [];
  for (const rule of rules) {
    const failing = firstFailing(rule.needs, facts);
    const step = { row: idOf(rule), says: rule.says, matched: failing === undefined };
    steps.push({ ...step, why: failing?.fails ?? whyOf(rule.needs) });
    if (!failing) return { steps, match: rule };
  }
  return { steps, match: undefined };
};

const before = (q: Asked, { circumstances }: Exclude<RecordedInputs, Of<'repeat'> | Of<'report'>>) =>
  tried<RequestFacts, (typeof requestAdmission)[number]>(requestAdmission, (r) => r.row, {
    ...circumstances,
    version: q.version,
  });

const logOnSteps = (q: Asked, { loggedOn }: Of<'per-device'>): ExplainedStep[] => {
  if (q.validatedLicenseId === null) return [];
  const says = 'A log-on that the request reports again makes the temporary license validated.';
  const why = loggedOn
    ? `a log-on with license ${q.validatedLicenseId} was reported, and counts for this decision`
    : `license ${q.validatedLicenseId} is no temporary one of this device that waits for a log-on`;
  return [{ row: 'D5', says, matched: loggedOn, why }];
};

const perDeviceTrace = (q: Asked, at: number, seen: Of<'per-device'>) => {
  const { circumstances, withinLead, free } = seen;
  const facts: PerDeviceFacts = {
    licenses: liveLicensesOf({ licenses: seen.held }, q.version, at),
    withinLead,
    activated: circumstances.activated,
    free: free ?? undefined,
  };
  const table = tried<PerDeviceFacts, PerDeviceRow>(perDevice, (r) => r.id, facts);
  const act = table.match?.act;
  const after =
    act !== undefined && givesNew(act)
      ? tried<NewLicenseFacts, (typeof newLicenseAdmission)[number]>(newLicenseAdmission, (r) => r.row, {
          ...circumstances,
          act,
        })
      : undefined;
  return {
    steps: [...logOnSteps(q, seen), ...table.steps, ...(after?.steps ?? [])],
    row: after?.match?.row ?? table.match?.id,
  };
};

const perUserTrace = (
  q: Asked,
  at: number,
  { circumstances, entries, installed, recorded, served }: Of<'per-user'>,
) => {
  const facts: PerUserFacts = {
    authenticated: q.userKey !== null && q.authenticatedBy !== null,
    activated: circumstances.activated,
    installed: served,
    perUser: circumstances.perUser,
    known: servingEntry(entries, q.version, at) !== undefined,
    room: recorded < installed + circumstances.overdraft,
  };
  const { steps, match } = tried<PerUserFacts, (typeof perUser)[number]>(perUser, (r) => r.id, facts);
  return { steps, row: match?.id };
};

type Report = Of<'report'> & { readonly at: number };
const asks = predicate<Report>;
const reported: Rule<Report> = {
  says: 'A log-on reported for a temporary license of the device makes it validated.',
  needs: [
    asks('it is a license of this device', 'it is no license of this device', (f) => f.ofThisDevice),
    asks('it is a temporary one', 'it is a full license', (f) => f.license?.kind === 'temporary'),
    asks(
      'it is in date, or was validated before',
      'it has ended',
      ({ license: l, at }) => l !== null && (l.validated || isLive(l, at)),
    ),
  ],
};

/** `at` of the facts is the ledger time of the decision. */
export const traceRules = ({ asked, at, row, outcome, seen }: DecisionFacts): RuleTrace => {
  if (seen.kind === 'repeat') return { steps: [], agrees: true };
  if (seen.kind === 'report') {
    const { steps, match } = tried<Report, Rule<Report>>([reported], () => 'D5', { ...seen, at });
    return { steps, agrees: (match !== undefined) === (outcome.kind === 'validated') };
  }
  if (asked.kind !== 'license') return { steps: [], agrees: false };
  const first = before(asked, seen);
  const steps = [...presentedLicenseSteps(asked, at, seen), ...first.steps];
  if (first.match || seen.kind === 'before') return { steps, agrees: first.match?.row === row };
  const table = seen.kind === 'per-device' ? perDeviceTrace(asked, at, seen) : perUserTrace(asked, at, seen);
  return { steps: [...steps, ...table.steps], agrees: table.row === row };
};
