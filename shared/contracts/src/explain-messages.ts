// Explanations of decisions. Inventory stores the inputs of each decision for 30 days, and an explanation shows every row that was
// tried on them, in order. The ledger stores the records for ever, and not the inputs.

import { z } from 'zod';
import { contract } from './envelope.ts';
import { allocation, allocationOutcome } from './allocation-messages.ts';
import { licenseKind } from './license.ts';
import { refusalCode } from './refusals.ts';
import { rowId } from './rows.ts';
import { perUserMode } from './settings.ts';
import { hardwareId, instant, keyPackId, ledgerPosition, licensingMode, name, token } from './tokens.ts';
import { productVersion } from './versions.ts';

const count = z.int().min(0);

/** A license of the device, as it was when the decision was made. */
export const inputLicense = z.object({
  licenseId: token,
  kind: licenseKind,
  version: productVersion,
  notAfter: instant,
  validated: z.boolean(),
  ended: z.enum(['no', 'superseded', 'returned', 'revoked', 'merged']),
});
export type InputLicense = z.infer<typeof inputLicense>;

/** What was looked at that is the same for every device. */
const circumstances = z.object({
  activated: z.boolean(),
  /** Not activated, since it was put back from a backup; absent: it was not. */
  restored: z.literal(true).optional(),
  storageNearlyFull: z.boolean(),
  serverVersion: productVersion,
  securityGroup: z.enum(['off', 'in', 'out']),
  renewalLeadDays: z.int(),
  preventLicenseUpgrade: z.boolean(),
  perUser: perUserMode,
  overdraft: count,
  /** The terminal server's quota, and what it had used of it. */
  quotas: z
    .object({
      newDevicesPerMinute: count,
      newDevices: count,
      fullLicensesPerHour: count,
      fullLicenses: count,
    })
    .nullable(),
});
export type DecisionCircumstances = z.infer<typeof circumstances>;

const stock = z.array(
  z.object({ version: productVersion, mode: licensingMode, installed: z.int(), issued: z.int() }),
);

/** What a decision saw. */
export const recordedInputs = z.discriminatedUnion('kind', [
  /** The request id was remembered: the outcome of the first time again, and nothing else was looked at. */
  z.object({ kind: z.literal('repeat') }),
  /** Refused before the tables. */
  z.object({ kind: z.literal('before'), circumstances }),
  z.object({
    kind: z.literal('per-device'),
    circumstances,
    /** Whose licenses these are, where that is not the device that asked. */
    holder: hardwareId.optional(),
    held: z.array(inputLicense),
    /** Older ones that have ended, beyond those listed. */
    omitted: count.optional(),
    /** The request repeated the report of a log-on, which counted for this decision. */
    loggedOn: z.boolean(),
    withinLead: z.boolean(),
    /** The pack that a CAL could be taken from. */
    free: z.object({ keyPackId, version: productVersion }).nullable(),
    /** Where none could be taken. */
    stock: stock.optional(),
  }),
  z.object({
    kind: z.literal('per-user'),
    circumstances,
    entries: z.array(z.object({ version: productVersion, notAfter: instant })),
    /** CALs that serve, and users recorded against them. */
    installed: count,
    recorded: z.int(),
    /** A CAL that serves is installed; for a new user of a version that he may count against. */
    served: z.boolean(),
    stock: stock.optional(),
  }),
  /** The report of a log-on: the license it names, where it is known. */
  z.object({
    kind: z.literal('report'),
    license: inputLicense.nullable(),
    ofThisDevice: z.boolean(),
  }),
]);
export type RecordedInputs = z.infer<typeof recordedInputs>;

const [, perUserOutcome, validatedOutcome, , refusedOutcome] = allocationOutcome.options;
const [licenseAsked, logOnReported] = allocation.options;

/** One decision: who asked for what, what it came to, and what it was decided on. */
export const decisionFacts = z.object({
  asked: z.discriminatedUnion('kind', [licenseAsked, logOnReported]),
  at: instant,
  row: rowId,
  position: ledgerPosition,
  outcome: z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('license'),
      licenseId: token,
      licenseKind,
      version: productVersion,
      keyPackId: keyPackId.nullable(),
      notAfter: instant,
    }),
    perUserOutcome,
    validatedOutcome,
    refusedOutcome,
  ]),
  seen: recordedInputs,
});
export type DecisionFacts = z.infer<typeof decisionFacts>;

/** Inventory stores decisions as one message once they have this size, or after a quarter of a second. */
export const DECISION_FACTS_BYTES = 204_800;

export const inventoryDecisionFacts = contract(
  'inventory.decision-facts',
  1,
  'What the leader decided in a moment, and what each decision saw; kept for 30 days, packed by zstd.',
  z.object({ decisions: z.array(decisionFacts).min(1) }),
  1_048_576,
);

export const MAX_EXPLANATIONS = 20;

const within = {
  limit: z.int().min(1).max(MAX_EXPLANATIONS).default(1),
  /** Goes on with a search from where the last answer left it. */
  before: z.int().min(1).optional(),
};

export const queryExplain = contract(
  'inventory.query.explain',
  1,
  'Why a request was decided as it was; or what a device or a user was given last, and why.',
  z.union([
    z.object({ requestId: token, ...within }),
    z.object({ hardwareId, ...within }),
    z.object({ userKey: name, ...within }),
  ]),
  4_096,
);

/** One rule, in the order in which they were tried. */
export const explainedStep = z.object({
  row: z.string().regex(/^[A-Z][0-9]{1,2}[a-z]?$/),
  says: z.string().max(500),
  /** It decided; or, before the tables, it took something out of account. */
  matched: z.boolean(),
  /** What was so, or the first thing that was not. */
  why: z.string().max(1_000),
});
export type ExplainedStep = z.infer<typeof explainedStep>;

export const explanation = z.object({
  facts: decisionFacts,
  steps: z.array(explainedStep),
  /** False where the rules have changed since: the steps are those of today, the row is the one that decided. */
  agrees: z.boolean(),
  refusal: z.object({ code: refusalCode, says: z.string().max(500), todo: z.string().max(500) }).nullable(),
});
export type Explanation = z.infer<typeof explanation>;

export const inventoryExplained = contract(
  'inventory.explained',
  1,
  'Decisions, newest first, each with every rule that was tried and why it matched or did not.',
  z.object({
    explanations: z.array(explanation).max(MAX_EXPLANATIONS),
    /** Where to go on: the search was cut short by its time. Absent: everything that is kept was looked at, or enough was found. */
    before: z.int().min(1).optional(),
  }),
  2_097_152,
);
