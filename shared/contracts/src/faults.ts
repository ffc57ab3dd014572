// Everything that can go wrong without being anybody's decision. A fault is not an outcome: the same
// request may still be decided later. The list only grows; docs/errors.md is kept in step by a test.
//
// `verdict`: 'retry' = send the same again; 'give-up' = these bytes will never do.

import { z } from 'zod';

export const faults = {
  TOO_LARGE: { verdict: 'give-up', says: 'The message is larger than its kind may be.' },
  NOT_UTF8: { verdict: 'give-up', says: 'The message is not UTF-8 text.' },
  NOT_JSON: { verdict: 'give-up', says: 'The message is not JSON.' },
  NOT_AN_ENVELOPE: {
    verdict: 'give-up',
    says: 'The message is not an envelope (id, type, version, correlationId, causationId, sentAt, body).',
  },
  UNKNOWN_TYPE: { verdict: 'give-up', says: 'No message of this type is taken on this subject.' },
  UNKNOWN_VERSION: { verdict: 'give-up', says: 'This version of the message is not known here.' },
  INVALID_BODY: { verdict: 'give-up', says: 'The body of the message does not fit its schema.' },
  WRONG_SUBJECT: {
    verdict: 'give-up',
    says: 'No part of calbus takes messages on this subject.',
  },
  DEADLINE_PASSED: { verdict: 'give-up', says: 'The request came after its own deadline.' },
  FORBIDDEN_REPLY: {
    verdict: 'give-up',
    says: 'The reply subject is not one that this kind of caller may use.',
  },
  NO_LEADER: { verdict: 'retry', says: 'No inventory replica leads at the moment.' },
  NOT_LEADER: { verdict: 'retry', says: 'This inventory replica no longer leads.' },
  TIMEOUT: { verdict: 'retry', says: 'No answer came in time.' },
  BUSY: { verdict: 'retry', says: 'The queue is full; try again in a moment.' },
  UNREACHABLE: { verdict: 'retry', says: 'The other side cannot be reached.' },
  HANDLER_FAILED: { verdict: 'retry', says: 'The service failed on this message; its log has the reason.' },
  STORAGE_FULL: {
    verdict: 'retry',
    says: 'The storage of the ledger is full, so nothing new can be recorded.',
  },
  NO_ISSUING_KEY: { verdict: 'retry', says: 'The issuer has no key to sign licenses with yet.' },
} as const satisfies Record<string, { verdict: 'retry' | 'give-up'; says: string }>;

export type FaultCode = keyof typeof faults;
export const faultCodes = Object.keys(faults) as [FaultCode, ...FaultCode[]];
export const faultCode = z.enum(faultCodes);

/** No part of calbus emits these: an issuer drops a late request, and waits for a key. No later code may take their names. */
export const reservedFaultCodes = [
  'DEADLINE_PASSED',
  'NO_ISSUING_KEY',
] as const satisfies readonly FaultCode[];
export type EmittedFaultCode = Exclude<FaultCode, (typeof reservedFaultCodes)[number]>;

/** A fault as a value: a closed code and one sentence of detail. */
export type Fault = { readonly code: FaultCode; readonly detail: string };

export const fault = (code: EmittedFaultCode, detail?: string): Fault => ({
  code,
  detail: detail === undefined ? faults[code].says : detail,
});

/** A fault thrown across layers that cannot return it. Recognised by its `fault` member, never by its class. */
export class FaultError extends Error {
  readonly fault: Fault;
  constructor(f: Fault) {
    super(`${f.code}: ${f.detail}`);
    this.name = 'FaultError';
    this.fault = f;
  }
}

/** The fault an error carries, if it carries one. */
export const faultOf = (error: unknown): Fault | undefined => {
  if (typeof error !== 'object' || error === null || !('fault' in error)) return undefined;
  const parsed = z.object({ code: faultCode, detail: z.string() }).safeParse(error.fault);
  return parsed.success ? parsed.data : undefined;
};
