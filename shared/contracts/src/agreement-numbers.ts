// What the numbers on purchase papers look like: each program has its own. They are checked before anything is sent, so that a slip
// of the pen is named where it was made.

import { z } from 'zod';

/** The programs by which CALs are bought on an agreement. */
export const agreementProgram = z.enum(['select', 'enterprise', 'campus', 'school', 'spla', 'open', 'other']);
export type AgreementProgram = z.infer<typeof agreementProgram>;

/** With boxes: the number of the license code takes the place of the agreement number. */
export const purchaseProgram = z.enum([...agreementProgram.options, 'retail']);
export type PurchaseProgram = z.infer<typeof purchaseProgram>;

/** 25 characters without those that look alike, in upper case, without separators. */
export const RETAIL_CODE = /^[ABCDEFGHJKLMNPQRSTUVWXYZ23456789]{25}$/;

type NumberFormat = { readonly pattern: RegExp; readonly requirement: string };

const sevenDigits: NumberFormat = { pattern: /^[0-9]{7}$/, requirement: 'must have 7 digits' };

const forms: Record<PurchaseProgram, NumberFormat> = {
  select: sevenDigits,
  enterprise: sevenDigits,
  campus: sevenDigits,
  school: sevenDigits,
  spla: sevenDigits,
  open: {
    pattern: /^[0-9]{8}-[A-Z0-9]{15}$/,
    requirement:
      'must be a license number of 8 digits and an authorization number of 15 letters and digits, with a hyphen between them',
  },
  other: {
    pattern: /^[A-Z0-9][A-Z0-9./-]{0,63}$/,
    requirement: 'must be 1 to 64 letters, digits, dots, slashes and hyphens',
  },
  retail: {
    pattern: /^CODE-[1-9][0-9]{0,14}$/,
    requirement:
      'must be CODE- and a number: what the Clearinghouse keeps a license code under, as the list of agreements shows it',
  },
};

/** Why a number is none of its program, or undefined where it is one. */
export const agreementNumberProblem = (
  program: PurchaseProgram,
  agreementNumber: string,
): string | undefined =>
  forms[program].pattern.test(agreementNumber) ? undefined : forms[program].requirement;

/** A number as people write it, without what only separates: spaces and, where none belongs into it, hyphens. */
export const normalizeAgreementNumber = (program: PurchaseProgram, written: string): string => {
  const text = written.replaceAll(/\s/g, '').toUpperCase();
  if (program === 'other' || program === 'retail') return text;
  const bare = text.replaceAll('-', '');
  return program === 'open' && bare.length === 23 ? `${bare.slice(0, 8)}-${bare.slice(8)}` : bare;
};

/** A license code as people write it: five groups of five, in whatever case. */
export const normalizeLicenseCode = (written: string): string =>
  written.replaceAll(/[\s-]/g, '').toUpperCase();

/** Why a license code cannot be one, or undefined. */
export const licenseCodeProblem = (code: string): string | undefined => {
  if (code.length !== 25) return `must have 25 characters, not ${code.length}`;
  const at = code.search(/[^ABCDEFGHJKLMNPQRSTUVWXYZ23456789]/);
  return at < 0
    ? undefined
    : `has a character that no license code has, in group ${Math.floor(at / 5) + 1}: I, O, 0 and 1 do not occur`;
};
