// The ledger: one message holds one batch of records, and each batch names the one before it by its hash.
// The fold of all valid batches is the state of inventory; nothing else is.

import { z } from 'zod';
import { purchasedCals } from './purchases.ts';
import { refusalCode } from './refusals.ts';
import { rowId } from './rows.ts';
import { settingsChange } from './settings.ts';
import {
  certificatePem,
  compactJws,
  generation,
  hardwareId,
  instant,
  keyPackId,
  ledgerPosition,
  licensingMode,
  name,
  serverId,
  sha256,
  token,
} from './tokens.ts';
import { productVersion } from './versions.ts';

/** Which request a record answers, from whom, by which rule. */
const answers = { requestId: token, terminalServerId: token, row: rowId };

/** An operator's command, and who gave it why. */
const commanded = { commandId: token, by: name, why: z.string().max(500) };

/** M1: the hardware id that asked, where the ledger holds what it is given under another. */
const askedAs = { askedAs: hardwareId.optional() };

/** How a terminal server's grace period stands; null before its first client. */
export const grace = z
  .object({ startedAt: instant, endsAt: instant, over: z.enum(['no', 'time', 'license']) })
  .nullable();
export type Grace = z.infer<typeof grace>;

/** A user, domain-qualified and case-folded, and the version of the CALs he counts against; they serve terminal servers up to it. */
const userEntry = { userKey: name, version: productVersion, notAfter: instant };

export const ledgerRecord = z.discriminatedUnion('kind', [
  /** The first record of a generation; `after` names the last surviving place of the one before, if any. */
  z.object({
    kind: z.literal('generation-started'),
    after: z.object({ generation, sequence: z.int().min(0), hash: sha256 }).nullable(),
    /** Where it follows on a loss: how far witnesses had seen the ledger, one for each generation, and who accepted it. */
    lost: z.array(z.object({ generation, sequence: z.int().min(0), hash: sha256 })).optional(),
    by: name.optional(),
    why: z.string().max(500).optional(),
  }),
  z.object({ kind: z.literal('leadership-taken'), replica: token }),
  /** What stands before it was put back from a backup: as if not activated, until an activation of a later epoch. */
  z.object({
    kind: z.literal('server-restored'),
    ...commanded,
    /** When and by whom the backup was made. */
    backup: z.object({ madeAt: instant, madeBy: name }),
  }),
  z.object({
    kind: z.literal('activated'),
    commandId: token,
    serverId,
    epoch: z.int().min(1),
    chain: z.array(certificatePem).min(1).max(4),
    certificateNotAfter: instant,
    by: name,
  }),
  /** Nothing but temporary licenses is given, and nothing renewed, until it is activated again. */
  z.object({ kind: z.literal('deactivated'), commandId: token, by: name }),
  /** Free CALs of a pack that are withheld while the Clearinghouse decides whether it takes them back or changes their type. */
  z.object({
    kind: z.literal('cals-withheld'),
    commandId: token,
    keyPackId,
    quantity: z.int().min(1),
    by: name,
  }),
  /** The outcome: they are gone from the pack, or free again. */
  z.object({
    kind: z.literal('cals-settled'),
    commandId: token,
    keyPackId,
    quantity: z.int().min(1),
    outcome: z.enum(['removed', 'given-back']),
  }),
  /** Reserved CALs of a pack are free from now on, though licenses may still be learned again. */
  z.object({ kind: z.literal('reserve-released'), ...commanded, released: z.int().min(0) }),
  z.object({
    kind: z.literal('pack-installed'),
    commandId: token,
    keyPackId,
    epoch: z.int().min(1),
    program: purchasedCals.shape.program,
    agreementNumber: purchasedCals.shape.agreementNumber,
    version: productVersion,
    mode: licensingMode,
    quantity: z.int().min(1),
    /** The Clearinghouse's statement itself: the proof stays with the record. */
    keyPack: compactJws,
    by: name,
    /** So many of its CALs are kept for licenses that are learned again. */
    reserved: z.int().min(1).optional(),
  }),
  z.object({
    kind: z.literal('temporary-issued'),
    ...answers,
    ...askedAs,
    licenseId: token,
    hardwareId,
    deviceId: token,
    deviceName: name,
    userName: name.nullable(),
    version: productVersion,
    notAfter: instant,
  }),
  z.object({
    kind: z.literal('full-issued'),
    ...answers,
    ...askedAs,
    licenseId: token,
    hardwareId,
    deviceId: token,
    deviceName: name,
    userName: name.nullable(),
    version: productVersion,
    keyPackId,
    notAfter: instant,
    /** Licenses of the device that this one takes the place of; a full one's CAL returns to its pool. */
    supersedes: z.array(token).max(16),
  }),
  z.object({ kind: z.literal('renewed'), ...answers, ...askedAs, licenseId: token, notAfter: instant }),
  z.object({
    kind: z.literal('validated'),
    ...answers,
    licenseId: token,
    /** Whether the log-on was reported by itself, or repeated within a license request. */
    within: z.enum(['report', 'request']),
  }),
  z.object({ kind: z.literal('returned'), licenseId: token }),
  /** R1: its CAL is free at once; it holds one of the places for revoked licenses until its end. */
  z.object({ kind: z.literal('license-revoked'), ...commanded, row: z.literal('R1'), licenseId: token }),
  /** M1: whatever the device `from` asks for is asked by `into` from now on; its own live licenses end. */
  z.object({
    kind: z.literal('devices-merged'),
    ...commanded,
    row: z.literal('M1'),
    from: hardwareId,
    into: hardwareId,
    ends: z.array(token).max(64),
  }),
  /** M2: `from` stands for itself again; a full license that the merge had ended, and is in date, is live again. */
  z.object({
    kind: z.literal('merge-undone'),
    ...commanded,
    row: z.literal('M2'),
    from: hardwareId,
    restores: token.nullable(),
    /** The pack whose CAL that takes. */
    keyPackId: keyPackId.nullable(),
  }),
  /** N4: a full license of an earlier life of the ledger, which holds it as it was. */
  z.object({
    kind: z.literal('relearned'),
    ...answers,
    licenseId: token,
    hardwareId,
    deviceId: token,
    deviceName: name,
    userName: name.nullable(),
    version: productVersion,
    issuedAt: instant,
    notAfter: instant,
    /** Where it stood in that life, and under which epoch it was issued, which stays with it. */
    earlier: ledgerPosition,
    epoch: z.int().min(0),
    /** The key pack whose reserved or free CAL it takes; null counts as a deficit. */
    keyPackId: keyPackId.nullable(),
    reserved: z.boolean(),
    /** Whether a terminal server reported it, or the client showed it with a request. */
    within: z.enum(['report', 'request']),
  }),
  /** A device asked under another name than the last one that is recorded of it. */
  z.object({ kind: z.literal('device-seen'), terminalServerId: token, hardwareId, deviceName: name }),
  /** A terminal server stands otherwise than it last said. */
  z.object({
    kind: z.literal('terminal-server-stands'),
    ...answers,
    version: productVersion,
    mode: licensingMode.nullable(),
    grace,
  }),
  /** U2: a user counts against the Per User CALs of this version, until the end. */
  z.object({ kind: z.literal('user-recorded'), ...answers, ...userEntry }),
  /** U5: within the renewal lead the same entry gets a later end. */
  z.object({ kind: z.literal('user-extended'), ...answers, ...userEntry }),
  /** U6: past its end, or before the same user is recorded again. */
  z.object({ kind: z.literal('user-dropped'), userKey: name, version: productVersion }),
  /** The first stock refusal per device (of a Per User CAL: per user), version and code in an hour. */
  z.object({
    kind: z.literal('refused'),
    ...answers,
    hardwareId,
    /** Per User only. */
    userKey: name.optional(),
    version: productVersion,
    mode: licensingMode,
    code: refusalCode,
  }),
  /** How often refusals were repeated that have a record already. */
  z.object({
    kind: z.literal('refusals-counted'),
    counts: z.array(
      z.object({
        terminalServerId: token,
        hardwareId,
        userKey: name.optional(),
        version: productVersion,
        mode: licensingMode,
        code: refusalCode,
        times: z.int().min(1),
      }),
    ),
  }),
  z.object({
    kind: z.literal('settings-changed'),
    commandId: token,
    changes: settingsChange,
    by: name,
    why: z.string().max(500),
  }),
  /** An operator confirmed the clock of the leader: CALs are returned again. */
  z.object({ kind: z.literal('clock-confirmed'), commandId: token, by: name, why: z.string().max(500) }),
]);
export type LedgerRecord = z.infer<typeof ledgerRecord>;

export const ledgerBatch = z.object({
  format: z.literal(1),
  generation,
  term: z.int().min(1),
  nonce: token,
  /** SHA-256 of the bytes of the last valid batch; 64 zeros before the first. */
  prevHash: sha256,
  /** Ledger time: never less than that of the batch before. */
  at: instant,
  records: z.array(ledgerRecord).min(1),
});
export type LedgerBatch = z.infer<typeof ledgerBatch>;

export const NO_HASH = '0'.repeat(64);

/** A batch, encoded, stays below this; JetStream refuses larger ones. */
export const MAX_BATCH_BYTES = 262_144;
