// What comes on a decision subject, however many decisions one message carries.

import { decode, dispatch, type Body, type Decoded, type Handlers } from './envelope.ts';
import { licenseDecision, licenseDecisions, licenseFault } from './terminal-server-messages.ts';

export type ReceivedDecisions = {
  /** Epoch milliseconds. */
  readonly sentAt: number;
  readonly decisions: readonly Body<typeof licenseDecision>[];
  readonly faults: readonly Body<typeof licenseFault>[];
  /** As of licenseDecisions. */
  readonly signedTogether?: string | undefined;
};

const contracts = [licenseDecision, licenseDecisions, licenseFault];
const told: Handlers<(typeof contracts)[number], ReceivedDecisions> = {
  [licenseDecision.type]: ({ sentAt, body }) => ({ sentAt, decisions: [body], faults: [] }),
  [licenseDecisions.type]: ({ sentAt, body }) => ({ sentAt, ...body, faults: [] }),
  [licenseFault.type]: ({ sentAt, body }) => ({ sentAt, decisions: [], faults: [body] }),
};

/** Never throws. */
export const decodeDecisions = (bytes: Uint8Array): Decoded<ReceivedDecisions> => {
  const decoded = decode(contracts, bytes);
  return decoded.ok ? { ok: true, message: dispatch(told, decoded.message) } : decoded;
};

/** The licenses in decisions, in their order. */
export const licensesIn = (decisions: ReceivedDecisions['decisions']): string[] =>
  decisions.flatMap(({ outcome }) => (outcome.kind === 'license' ? [outcome.license] : []));
