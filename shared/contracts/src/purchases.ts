// The purchase of CALs: by an agreement, or by a license code.

import { z } from 'zod';
import {
  agreementNumberProblem,
  agreementProgram,
  purchaseProgram,
  RETAIL_CODE,
  type PurchaseProgram,
} from './agreement-numbers.ts';
import { licensingMode, name } from './tokens.ts';
import { productVersion } from './versions.ts';

export const contact = z.object({
  firstName: name,
  lastName: name,
  company: name,
  country: name,
  email: name.optional(),
  organisationUnit: name.optional(),
  address: name.optional(),
  city: name.optional(),
  state: name.optional(),
  postalCode: name.optional(),
});
export type Contact = z.infer<typeof contact>;

const agreementFields = { program: agreementProgram, agreementNumber: z.string() };

const hasValidNumber = (p: { program: PurchaseProgram; agreementNumber: string }): boolean =>
  agreementNumberProblem(p.program, p.agreementNumber) === undefined;

const invalidNumber = { error: 'is not a number of its program', path: ['agreementNumber'] };

const product = { version: productVersion, mode: licensingMode };

export const quantity = z.int().min(1).max(1_000_000);

/** What was bought, as the papers say it. */
export const purchase = z
  .object({ ...agreementFields, ...product, quantity })
  .refine(hasValidNumber, invalidNumber);
export type Purchase = z.infer<typeof purchase>;

/** Names an agreement, or the code of a box by its number. */
export const agreementReference = z
  .object({ program: purchaseProgram, agreementNumber: z.string() })
  .refine(hasValidNumber, invalidNumber);
export type AgreementReference = z.infer<typeof agreementReference>;

/** A box with a license code, which says what is in it; used once. */
export const retailPurchase = z.object({ program: z.literal('retail'), code: z.string().regex(RETAIL_CODE) });
export type RetailPurchase = z.infer<typeof retailPurchase>;

/** What an operator has installed. */
export const installable = z.union([purchase, retailPurchase]);
export type Installable = z.infer<typeof installable>;

/** The CALs of a key pack, and the paper by which they were bought; of a retail code the number that the vendor gave it. */
export const purchasedCals = z.object({
  program: purchaseProgram,
  agreementNumber: z.string().refine((text) => text.length <= 64, 'is longer than 64 characters'),
  ...product,
  quantity,
});
export type PurchasedCals = z.infer<typeof purchasedCals>;

/** A license purchase agreement as the vendor enters it. */
export const purchaseAgreement = z
  .object({
    ...agreementFields,
    company: name,
    covers: z
      .array(
        z.object({ version: productVersion, mode: licensingMode, quantity: z.int().min(1).max(10_000_000) }),
      )
      .min(1)
      .max(100),
  })
  .refine(hasValidNumber, invalidNumber);
export type PurchaseAgreement = z.infer<typeof purchaseAgreement>;
