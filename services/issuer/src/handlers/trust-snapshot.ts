// trust.request: what a terminal server needs to verify licenses by itself. Published to the subject computed from its id, never
// to a reply it chose.

import { encode, type Body } from '@calbus/contracts/envelope';
import type { inventoryTrust } from '@calbus/contracts/inventory-query-messages';
import type { issuingKeys } from '@calbus/contracts/issuing-keys';
import { MAX_BATCH_REQUESTS, trustSnapshot } from '@calbus/contracts/terminal-server-messages';
import type { LicenseTrust } from '@calbus/licenses/verifier';

export type TrustSources = {
  readonly ledger: Body<typeof inventoryTrust>;
  readonly keys: Body<typeof issuingKeys>;
};

export const snapshotOf = ({ ledger, keys }: TrustSources): Body<typeof trustSnapshot> => ({
  licenseServerId: ledger.licenseServerId,
  generation: ledger.position.generation,
  epoch: ledger.epoch,
  issuing: keys.keys.map(({ kid, chain }) => ({ kid, chain })),
  ended: ledger.ended,
  position: ledger.position,
  ...(ledger.settings ? { settings: ledger.settings } : {}),
  mostTogether: MAX_BATCH_REQUESTS,
});

export const licenseTrustOf = (roots: readonly string[], { ledger, keys }: TrustSources): LicenseTrust => ({
  roots,
  issuing: new Map(keys.keys.map(({ kid, chain }) => [kid, chain])),
  licenseServerId: ledger.licenseServerId,
});

export const encodeSnapshot = (sources: TrustSources, id: string, sentAt: number): Uint8Array =>
  encode(trustSnapshot, { id, sentAt }, snapshotOf(sources));
