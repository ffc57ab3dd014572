// One request as inventory decides it, and the outcome.

import { z } from 'zod';
import { contract } from './envelope.ts';
import { grace } from './ledger.ts';
import { licenseFacts } from './license.ts';
import { refusalCode } from './refusals.ts';
import { rowId } from './rows.ts';
import { hardwareId, instant, ledgerPosition, licensingMode, name, token } from './tokens.ts';
import { productVersion } from './versions.ts';

/** What an issuer found a presented license to be; only a genuine one is a proof of anything (N1). */
export const presentedProof = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('none') }),
  z.object({ kind: z.literal('not-genuine'), why: z.string().max(200) }),
  z.object({
    kind: z.literal('genuine'),
    licenseId: token,
    deviceId: token,
    position: ledgerPosition,
    /** What else it says, where it is of another life of the ledger than the present one (N4). */
    license: licenseFacts.optional(),
  }),
]);

/** One request as the issuer understood it. The terminal server's id comes from the subject. */
export const allocation = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('license'),
    requestId: token,
    terminalServerId: token,
    mode: licensingMode,
    version: productVersion,
    hardwareId,
    deviceName: name,
    /** Domain-qualified and case-folded; the key of a Per User license. */
    userKey: name.nullable(),
    authenticatedBy: name.nullable(),
    presented: presentedProof,
    validatedLicenseId: token.nullable(),
  }),
  z.object({
    kind: z.literal('validated'),
    requestId: token,
    terminalServerId: token,
    licenseId: token,
    hardwareId,
  }),
  /** N4: a license on which a terminal server let a client in, and which is of an earlier life of the ledger. */
  z.object({
    kind: z.literal('relearn'),
    requestId: token,
    terminalServerId: token,
    license: licenseFacts,
  }),
  /** The status of a terminal server. */
  z.object({
    kind: z.literal('stands'),
    requestId: token,
    terminalServerId: token,
    version: productVersion,
    mode: licensingMode.nullable(),
    grace,
  }),
]);
export type Allocation = z.infer<typeof allocation>;

/** The most requests one allocate command may carry; an issuer's prefetch is no larger. */
export const MAX_ALLOCATIONS = 256;

export const inventoryAllocate = contract(
  'inventory.allocate',
  1,
  'An issuer asks the leader to decide a batch of requests.',
  z.object({ items: z.array(allocation).min(1).max(MAX_ALLOCATIONS) }),
  524_288,
);

export const allocationOutcome = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('license'), license: licenseFacts }),
  z.object({
    kind: z.literal('per-user'),
    userKey: name,
    version: productVersion,
    notAfter: instant.nullable(),
  }),
  z.object({ kind: z.literal('validated'), licenseId: token }),
  /** N4, T0: the ledger has it now, or had it. */
  z.object({ kind: z.literal('noted') }),
  z.object({ kind: z.literal('refused'), code: refusalCode }),
]);
export type AllocationResult = z.infer<typeof allocationOutcome>;

export const allocationAnswer = z.object({
  requestId: token,
  row: rowId,
  decidedAt: instant,
  position: ledgerPosition,
  outcome: allocationOutcome,
});
export type Outcome = z.infer<typeof allocationAnswer>;

export const inventoryAllocated = contract(
  'inventory.allocated',
  1,
  'The outcomes of an allocate command, in the order of its items, after their records were committed.',
  z.object({ items: z.array(allocationAnswer).max(MAX_ALLOCATIONS) }),
  1_048_576,
);
