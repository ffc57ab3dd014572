// What the Clearinghouse knows, as plain values. How it is kept is the store's business.

import type { PurchasedCals, Contact } from '@calbus/contracts/purchases';

/** An activated license server. `key` is the `x` of its public JWK. */
export type Server = {
  readonly productId: string;
  readonly user: string;
  readonly key: string;
  readonly serverId: string;
  readonly epoch: number;
  readonly chain: readonly string[];
  readonly contact: Contact;
  readonly activatedAt: number;
  /** When the epoch in force began: as we answered, or as it was asked for by the license server's clock, whichever is later. */
  readonly epochSince: number;
  /** Deactivated by its own command, until it is activated again; retired by the vendor, for good. */
  readonly standing: 'active' | 'deactivated' | 'retired';
};

/** Who sent a command, as the broker and the signature say. */
export type Sender = { readonly user: string; readonly key: string };

/** What the agreement of a purchase says about the CALs asked for. */
export type Cover =
  | { readonly kind: 'no-agreement' }
  | { readonly kind: 'not-covered' }
  | { readonly kind: 'covered'; readonly left: number };

export type Pack = {
  readonly keyPackId: string;
  readonly serverId: string;
  readonly epoch: number;
  readonly issuedAt: number;
  readonly commandId: string;
  readonly purchase: PurchasedCals;
};

/** A license code of a box, and what is in the box. */
export type Code = {
  readonly number: number;
  readonly contents: Omit<PurchasedCals, 'program' | 'agreementNumber'>;
  readonly usedAt: number | null;
};
