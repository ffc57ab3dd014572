// The ledger: one message holds one batch of records, and each batch names the one before it by its hash.
// The fold of all valid batches is the state of inventory; nothing else is.

import { z } from 'zod';
import { agreementProgram } from './clearinghouse.ts';
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
  licensingMode,
  name,
  serverId,
  sha256,
  token,
} from './tokens.ts';
import { productVersion } from './versions.ts';

/** Which request a record answers, from whom, by which rule. */
const answers = { requestId: token, terminalServerId: token, row: rowId };

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
  z.object({
    kind: z.literal('activated'),
    commandId: token,
    serverId,
    epoch: z.int().min(1),
    chain: z.array(certificatePem).min(1).max(4),
    certificateNotAfter: instant,
    by: name,
  }),
  z.object({
    kind: z.literal('pack-installed'),
    commandId: token,
    keyPackId,
    epoch: z.int().min(1),
    program: agreementProgram,
    agreementNumber: z.string().max(64),
    version: productVersion,
    mode: licensingMode,
    quantity: z.int().min(1),
    /** The Clearinghouse's statement itself: the proof stays with the record. */
    keyPack: compactJws,
    by: name,
  }),
  z.object({
    kind: z.literal('temporary-issued'),
    ...answers,
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
  z.object({ kind: z.literal('renewed'), ...answers, licenseId: token, notAfter: instant }),
  z.object({
    kind: z.literal('validated'),
    ...answers,
    licenseId: token,
    /** Whether the log-on was reported by itself, or repeated within a license request. */
    within: z.enum(['report', 'request']),
  }),
  z.object({ kind: z.literal('returned'), licenseId: token }),
  /** U2: a user counts against the Per User CALs of this version, until the end. */
  z.object({ kind: z.literal('user-recorded'), ...answers, ...userEntry }),
  /** U5: within the renewal lead the same entry gets a later end. */
  z.object({ kind: z.literal('user-extended'), ...answers, ...userEntry }),
  /** U6: past its end; or before the same user is recorded anew. */
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
