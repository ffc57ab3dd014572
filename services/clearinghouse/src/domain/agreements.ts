// Changes of an agreement: its totals may change, but not below the CALs already issued on it.

import type { PurchaseAgreement } from '@calbus/contracts/purchases';

/** `quantity`: the covers, with the CALs that conversions added (`converted`; negative if they removed CALs). */
export type CoverCount = PurchaseAgreement['covers'][number] & {
  readonly issued: number;
  readonly converted: number;
};

export type EnterDecision =
  { readonly kind: 'added' | 'changed' | 'unchanged' } | { readonly kind: 'refused'; readonly says: string };

const keyOf = (c: { version: string; mode: string }): string => `${c.version} ${c.mode}`;

/** `known`: the agreement in the register; undefined if it is new. */
export const decideEnter = (
  agreement: PurchaseAgreement,
  known: { readonly company: string; readonly covers: readonly CoverCount[] } | undefined,
): EnterDecision => {
  const wanted = new Map(agreement.covers.map((c) => [keyOf(c), c.quantity]));
  if (wanted.size !== agreement.covers.length)
    return { kind: 'refused', says: 'The agreement lists a version and type twice; add them up.' };
  if (!known) return { kind: 'added' };
  for (const c of known.covers) {
    if ((wanted.get(keyOf(c)) ?? 0) + c.converted < c.issued)
      return {
        kind: 'refused',
        says:
          `${c.issued} CALs (${c.version}, ${c.mode}) were issued on this agreement already` +
          `${c.converted < 0 ? `, and ${-c.converted} converted into the other type` : ''}; it cannot cover fewer.`,
      };
  }
  const same =
    known.company === agreement.company &&
    known.covers.every((c) => (wanted.get(keyOf(c)) ?? 0) + c.converted === c.quantity) &&
    [...wanted.keys()].every((key) => known.covers.some((c) => keyOf(c) === key));
  return { kind: same ? 'unchanged' : 'changed' };
};
