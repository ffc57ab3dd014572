// What terminal servers and the license server say to each other.

import { z } from 'zod';
import { contract } from './envelope.ts';
import { faultCode } from './faults.ts';
import { refusalCode } from './refusals.ts';
import { rowId } from './rows.ts';
import {
  certificatePem,
  compactJws,
  hardwareId,
  instant,
  keyPackId,
  ledgerPosition,
  licensingMode,
  name,
  serverId,
  token,
} from './tokens.ts';
import { grace } from './ledger.ts';
import { licenseKind, UNACTIVATED } from './license.ts';
import { terminalServerSettings } from './settings.ts';
import { productVersion } from './versions.ts';

/** How long the caller waits, from the moment the queue took the request; a duration, so that clocks need not agree. */
const waitsMs = z.int().min(100).max(60_000);

/** The issuing certificate first, the license server certificate last; the Clearinghouse root is not in it. */
const issuingChain = z.array(certificatePem).min(1).max(4);

export const user = z.object({
  name,
  domain: name.optional(),
  /** By what the terminal server authenticated the user, e.g. "pam" or "kerberos"; absent = not authenticated. */
  authenticatedBy: name.optional(),
});

export const licenseRequest = contract(
  'license.request',
  1,
  'A terminal server asks for a license for a device or, in Per User mode, for a user.',
  z.object({
    requestId: token,
    waitsMs,
    mode: licensingMode,
    /** The version of the terminal server. */
    version: productVersion,
    device: z.object({ hardwareId, name }),
    user: user.optional(),
    /** The license the client presented, as it came. */
    presented: compactJws.optional(),
    /** The chain of the issuing key that signed it, where the license server does not publish that key any more. */
    presentedChain: issuingChain.optional(),
    /** A log-on that was reported and not yet confirmed, said again. */
    validatedLicenseId: token.optional(),
  }),
  32_768,
);

/** One message carries no more requests. */
export const MAX_BATCH_REQUESTS = 16;

export const licenseRequests = contract(
  'license.requests',
  1,
  'A terminal server asks for several licenses at once: each is decided by itself, and all decisions come back together.',
  z.object({ requests: z.array(licenseRequest.body).min(1).max(MAX_BATCH_REQUESTS) }),
  32_768,
);

export const licenseValidated = contract(
  'license.validated',
  1,
  'A terminal server reports that the user logged on from the device that holds this temporary license (D5).',
  z.object({ requestId: token, waitsMs, licenseId: token, hardwareId }),
  4_096,
);

export const licenseRelearn = contract(
  'license.relearn',
  1,
  'A terminal server let a client in on a license of an earlier life of the ledger, and reports it (N4).',
  z.object({
    requestId: token,
    waitsMs,
    license: compactJws,
    /** As in a request. */
    chain: issuingChain.optional(),
  }),
  32_768,
);

export const licenseStands = contract(
  'license.stands',
  1,
  'The status of a terminal server: its version, its licensing mode, its grace period.',
  z.object({ requestId: token, waitsMs, version: productVersion, mode: licensingMode.nullable(), grace }),
  4_096,
);

/** What terminal servers put into the queue, by the verb of the subject. */
export const queuedMessages = {
  request: licenseRequest,
  requests: licenseRequests,
  validated: licenseValidated,
  relearn: licenseRelearn,
  stands: licenseStands,
} as const;
export type QueuedVerb = keyof typeof queuedMessages;

export const decisionOutcome = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('license'),
    license: compactJws,
    licenseId: token,
    licenseKind,
    version: productVersion,
    keyPackId: keyPackId.nullable(),
    hardwareId,
    notAfter: instant,
  }),
  z.object({
    kind: z.literal('per-user'),
    userKey: name,
    version: productVersion,
    /** Null where users are not counted (unmonitored). */
    notAfter: instant.nullable(),
  }),
  z.object({ kind: z.literal('validated'), licenseId: token }),
  z.object({ kind: z.literal('noted') }),
  z.object({
    kind: z.literal('refused'),
    code: refusalCode,
    says: z.string().max(500),
    again: z.enum(['never', 'after-change', 'later']),
    afterSeconds: z.int().min(0).optional(),
  }),
]);
export type DecisionOutcome = z.infer<typeof decisionOutcome>;

export const licenseDecision = contract(
  'license.decision',
  1,
  'What the license server decided, by which rule, and at which place in the ledger that is true.',
  z.object({
    requestId: token,
    terminalServerId: token,
    row: rowId,
    decidedAt: instant,
    position: ledgerPosition,
    outcome: decisionOutcome,
  }),
  65_536,
);

export const licenseDecisions = contract(
  'license.decisions',
  1,
  'What the license server decided on requests that came together; those that are not in it are decided later, or fail by themselves.',
  z.object({
    decisions: z.array(licenseDecision.body).min(1).max(MAX_BATCH_REQUESTS),
    /** The issuing key's signature of all licenses in it: a reader that verifies it need not verify each license. */
    signedTogether: compactJws.optional(),
  }),
  262_144,
);

export const licenseFault = contract(
  'license.fault',
  1,
  'The license server could not take a request as it is. Not a decision: nothing was decided and nothing changed.',
  z.object({ requestId: token, terminalServerId: token, code: faultCode, says: z.string().max(500) }),
  4_096,
);

export const trustRequest = contract(
  'trust.request',
  1,
  'A terminal server asks for what it needs to verify licenses by itself.',
  z.object({}),
  1_024,
);

export const issuingCertificate = z.object({
  /** Names the key in the header of the licenses it signed. */
  kid: token,
  chain: issuingChain,
});

export const trustSnapshot = contract(
  'trust.snapshot',
  1,
  'What a terminal server needs to verify licenses by itself: who signs, which generation and epoch are current.',
  z.object({
    licenseServerId: z.union([serverId, z.literal(UNACTIVATED)]),
    generation: token,
    epoch: z.int().min(0),
    issuing: z.array(issuingCertificate).max(64),
    /** Licenses ended early whose own end is still to come. */
    ended: z.array(z.object({ licenseId: token, notAfter: instant })).max(10_000),
    position: ledgerPosition,
    /** What the terminal server's own rows go by; absent: the defaults. */
    settings: terminalServerSettings.optional(),
    /** How many requests it takes in one message; absent: one. */
    mostTogether: z.int().min(1).max(MAX_BATCH_REQUESTS).optional(),
  }),
  1_048_576,
);

export const trustChanged = contract(
  'trust.changed',
  1,
  'Something in the trust snapshot changed: ask for it again.',
  z.object({ generation: token, epoch: z.int().min(0) }),
  4_096,
);
