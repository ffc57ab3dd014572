// The Clearinghouse's data as plain values, independent of the store.

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
  /** The start of the epoch in force: the time of the answer, or of the request by the license server's clock, whichever is later. */
  readonly epochSince: number;
  /** Deactivated: by its own command, until it is activated again. Retired: by the vendor, permanently. */
  readonly standing: 'active' | 'deactivated' | 'retired';
};

/** The sender of a command by the broker and by the signature. */
export type Sender = { readonly user: string; readonly key: string };

/** The agreement's data on the requested CALs. */
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
