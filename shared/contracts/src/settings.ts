// What an administrator may set for the whole license server. Each change is a record of the ledger, with who and why.

import { z } from 'zod';
import { token } from './tokens.ts';
import { productVersion } from './versions.ts';

const days = z.int().min(1).max(3_650);

/** How Per User CALs are counted: not at all, by the users that are let in, or with a limit to their number. */
export const perUserMode = z.enum(['unmonitored', 'tracked', 'enforced']);
export type PerUserMode = z.infer<typeof perUserMode>;

/** Whether a terminal server lets authenticated users in while no license server answers. */
export const perUserWhenUnreachable = z.enum(['admit', 'refuse']);

/** How many full licenses may be revoked at once: a fifth of the installed CALs of a version, or any number. */
export const revocationLimit = z.enum(['fifth', 'none']);

const shape = {
  /** S2: terminal servers of a later version are refused. */
  serverVersion: productVersion,
  perUser: perUserMode,
  /** U3: so many users more than CALs are let in where `perUser` is enforced. */
  overdraft: z.int().min(0).max(1_000_000),
  /** U8. */
  perUserWhenUnreachable,
  /** V4: a terminal server gets CALs of its own version only. */
  preventLicenseUpgrade: z.boolean(),
  /** S1: the terminal servers that are given licenses; null = all, an empty list = none. */
  securityGroup: z.array(token).max(10_000).nullable(),
  /** S3: how many new licenses one terminal server is given in a time; null = any number. */
  quotas: z
    .object({
      newDevicesPerMinute: z.int().min(0).max(1_000_000),
      fullLicensesPerHour: z.int().min(0).max(1_000_000),
    })
    .nullable(),
  temporaryDays: days,
  /** A full license is given for whole days, uniformly random between these two, both included. */
  fullDays: z.object({ min: days, max: days }).refine((d) => d.min <= d.max, 'min is more than max'),
  /** A license is renewed when this many days or fewer remain. */
  renewalLeadDays: days,
  /** Days from its first client on in which a terminal server admits clients without a license; version 2000: at most 90. */
  graceDays: z.int().min(0).max(3_650),
  /** R2, R3. */
  revocationLimit,
  /** LOW_STOCK is raised when so many percent of a pool, or fewer, are left. */
  lowStockPercent: z.int().min(0).max(100),
  /** A CAL is free so many milliseconds after its license's end. */
  expirySkew: z
    .int()
    .min(0)
    .max(30 * 86_400_000),
};

export const settings = z.object(shape);
export type Settings = z.infer<typeof settings>;
export type SettingName = keyof Settings;
export const settingNames = Object.keys(shape) as SettingName[];

/** Some of the settings. What is not known here is ignored, as everywhere. */
export const settingsChange = settings.partial();
export type SettingsChange = z.infer<typeof settingsChange>;

/** The part of the settings that terminal servers go by. */
export const terminalServerSettings = settings.pick({
  graceDays: true,
  perUserWhenUnreachable: true,
  renewalLeadDays: true,
});
export type TerminalServerSettings = z.infer<typeof terminalServerSettings>;

export const defaultSettings: Settings = {
  serverVersion: '2025',
  perUser: 'unmonitored',
  overdraft: 0,
  perUserWhenUnreachable: 'admit',
  preventLicenseUpgrade: false,
  securityGroup: null,
  quotas: null,
  temporaryDays: 90,
  fullDays: { min: 52, max: 89 },
  renewalLeadDays: 7,
  graceDays: 120,
  revocationLimit: 'fifth',
  lowStockPercent: 10,
  expirySkew: 3_600_000,
};

/** Why settings that are each valid do not go together, or undefined where they do. */
export const settingsConflict = (s: Settings): string | undefined =>
  s.renewalLeadDays >= s.fullDays.min
    ? 'renewalLeadDays must be less than fullDays.min, or a license would be renewed on its first day.'
    : undefined;

/** As a replica of an earlier version tells them, which does not have all of them. */
export const reportedSettings = z.object({
  ...shape,
  perUserWhenUnreachable: shape.perUserWhenUnreachable.default(defaultSettings.perUserWhenUnreachable),
  graceDays: shape.graceDays.default(defaultSettings.graceDays),
  revocationLimit: shape.revocationLimit.default(defaultSettings.revocationLimit),
});
