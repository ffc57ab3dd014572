// What comes on a decision subject, however many decisions one message carries.

import { decode, type Body, type Decoded } from './envelope.ts';
import { licenseDecision, licenseDecisions, licenseFault } from './terminal-server-messages.ts';

export type ReceivedDecisions = {
  /** Epoch milliseconds. */
  readonly sentAt: number;
  readonly decisions: readonly Body<typeof licenseDecision>[];
  readonly faults: readonly Body<typeof licenseFault>[];
  /** As of licenseDecisions. */
  readonly signedTogether?: string | undefined;
};

type Any = typeof licenseDecision | typeof licenseDecisions | typeof licenseFault;

/** Never throws. */
export const decodeDecisions = (bytes: Uint8Array): Decoded<ReceivedDecisions> => {
  const decoded = decode<Any>([licenseDecision, licenseDecisions, licenseFault], bytes);
  if (!decoded.ok) return decoded;
  const { sentAt, body } = decoded.message;
  if ('decisions' in body) return { ok: true, message: { sentAt, ...body, faults: [] } };
  return 'code' in body
    ? { ok: true, message: { sentAt, decisions: [], faults: [body] } }
    : { ok: true, message: { sentAt, decisions: [body], faults: [] } };
};

/** The licenses in decisions, in their order. */
export const licensesIn = (decisions: ReceivedDecisions['decisions']): string[] =>
  decisions.flatMap(({ outcome }) => (outcome.kind === 'license' ? [outcome.license] : []));
