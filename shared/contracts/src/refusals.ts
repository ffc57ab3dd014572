// Every reason for which a license request, or an operator's command, is refused. A refusal is an answer: it travels in a decision,
// with the row that decided it. The list only grows; docs/errors.md is kept in step by a test.
//
// `again`: 'never' = the same request gets the same answer; 'after-change' = an administrator must do
// something first; 'later' = asking again by itself can succeed, after `afterSeconds`.

import { z } from 'zod';

export const refusals = {
  NOT_ACTIVATED: {
    again: 'after-change',
    says: 'The license server is not activated, so only temporary licenses are issued.',
    todo: 'Activate the license server: calbus activate.',
  },
  NOTHING_INSTALLED_FOR_PRODUCT: {
    again: 'after-change',
    says: 'No CALs are installed that serve a terminal server of this version.',
    todo: 'Install a key pack of this version or a later one: calbus install.',
  },
  WRONG_MODE: {
    again: 'after-change',
    says: 'The installed CALs are all of the other licensing mode.',
    todo: "Install CALs of the terminal server's mode, or change the terminal server's licensing mode.",
  },
  UPGRADE_PREVENTED: {
    again: 'after-change',
    says: 'Only CALs of a later version are free, and the setting preventLicenseUpgrade keeps them for later terminal servers.',
    todo: "Install CALs of the terminal server's own version, or turn preventLicenseUpgrade off.",
  },
  NO_LICENSE_AVAILABLE: {
    again: 'later',
    afterSeconds: 3600,
    says: 'Every CAL that would serve is taken.',
    todo: 'Buy and install more CALs, or wait until one returns to the pool: calbus packs shows the counts.',
  },
  NO_DEVICE_IDENTITY: {
    again: 'never',
    says: 'The client sent a hardware id that identifies no device.',
    todo: 'Let the client keep its license store (FreeRDP: leave out +old-license).',
  },
  TERMINAL_SERVER_NOT_IN_GROUP: {
    again: 'after-change',
    says: 'The security group is on and this terminal server is not in it.',
    todo: 'Add the terminal server to the setting securityGroup.',
  },
  SERVER_TOO_OLD: {
    again: 'after-change',
    says: 'The terminal server is of a later version than this license server serves.',
    todo: 'Raise the setting serverVersion.',
  },
  QUOTA: {
    again: 'later',
    afterSeconds: 60,
    says: 'This terminal server has used up its quota of new licenses for now.',
    todo: 'Wait, or raise the setting quotas.',
  },
  STORAGE_NEARLY_FULL: {
    again: 'after-change',
    says: 'The ledger has used 90 % of its storage; no new temporary licenses are issued.',
    todo: 'Give the ledger more storage.',
  },
  NOT_AUTHENTICATED: {
    again: 'never',
    says: 'A Per User license needs an authenticated user, and the request does not say by what the user was authenticated.',
    todo: 'Ask after the log-on, with the user and authenticatedBy.',
  },
  UNKNOWN_LICENSE: {
    again: 'never',
    says: 'This license server holds no such license for this device.',
    todo: 'Ask for a license for the device first.',
  },
  NOT_TEMPORARY: {
    again: 'never',
    says: 'Only temporary licenses are marked validated; this license is a full one.',
    todo: 'Nothing: the device is fully licensed.',
  },
  NOT_REVOCABLE: {
    again: 'never',
    says: 'Only a full Per Device license that is in date and not ended can be revoked.',
    todo: 'Look at what the device holds: calbus licenses --device.',
  },
  REVOCATION_LIMIT: {
    again: 'later',
    says: 'A fifth of the installed CALs of this version are of revoked licenses that have not reached their end.',
    todo: 'Wait until the day that the detail names, or lift the limit: calbus settings set revocationLimit=none.',
  },
  NOT_RELEARNED: {
    again: 'never',
    says: 'The license is not of an earlier generation of the ledger, or the present ledger holds it.',
    todo: 'Nothing: the ledger decides what the device holds.',
  },
  MERGE_REJECTED: {
    again: 'never',
    says: 'These devices cannot be merged or separated in this way.',
    todo: 'Correct what the detail names: calbus explain shows what the ledger knows of a device.',
  },
  KEY_PACK_REJECTED: {
    again: 'never',
    says: 'The key pack does not verify: its signature, server id or epoch is not that of this license server; or it is of a later version.',
    todo: 'Ask the Clearinghouse for the key pack again: calbus install; for a later version raise the setting serverVersion first.',
  },
  NOT_FREE: {
    again: 'after-change',
    says: 'The key pack does not have that many free CALs.',
    todo: 'Take fewer, or wait until some return: calbus packs shows the counts.',
  },
  UNKNOWN_PACK: {
    again: 'never',
    says: 'No such key pack is installed.',
    todo: 'calbus packs shows those that are.',
  },
  CERTIFICATE_REJECTED: {
    again: 'never',
    says: 'The license server certificate does not verify under the Clearinghouse root this license server trusts.',
    todo: 'Check that the configured root certificate is the one of your Clearinghouse, then activate again.',
  },
  SETTINGS_REJECTED: {
    again: 'never',
    says: 'The settings contradict each other or have an invalid value.',
    todo: 'Correct what the detail names: calbus settings get shows what is in force.',
  },
  NO_LOSS: {
    again: 'never',
    says: 'Nothing of the ledger is known to be lost.',
    todo: 'Nothing: calbus status shows the state of the ledger.',
  },
  LOSS_CHANGED: {
    again: 'never',
    says: 'The ledger ends at another position than the one that was shown.',
    todo: 'Look again at what is lost: calbus ledger accept-loss.',
  },
  RESTORE_REJECTED: {
    again: 'never',
    says: 'The backup cannot be restored into this ledger.',
    todo: 'Correct what the detail names: docs/recovery.md describes the restore of a backup.',
  },
  MODE_NOT_CONFIGURED: {
    again: 'after-change',
    says: 'The terminal server has no licensing mode.',
    todo: 'Set Per Device or Per User on the terminal server.',
  },
  LICENSE_SERVER_UNREACHABLE: {
    again: 'later',
    afterSeconds: 5,
    says: 'No license server answered in time.',
    todo: 'Check the connection to NATS and that an issuer and an inventory run: calbus status.',
  },
} as const satisfies Record<
  string,
  { again: 'never' | 'after-change' | 'later'; afterSeconds?: number; says: string; todo: string }
>;

export type RefusalCode = keyof typeof refusals;
export const refusalCodes = Object.keys(refusals) as [RefusalCode, ...RefusalCode[]];
export const refusalCode = z.enum(refusalCodes);

/** Whether, and after how many seconds, asking again makes sense. */
export const retryAdvice = (
  code: RefusalCode,
): { again: 'never' | 'after-change' | 'later'; afterSeconds?: number } => {
  const { again, ...rest } = refusals[code];
  return 'afterSeconds' in rest ? { again, afterSeconds: rest.afterSeconds } : { again };
};
