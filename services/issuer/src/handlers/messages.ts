// The messages that terminal servers put into the queue: how each is decoded and parsed.

import type { z } from 'zod';
import { decode, type Body, type Contract, type Decoded } from '@calbus/contracts/envelope';
import {
  licenseRelearn,
  licenseRequest,
  licenseRequests,
  licenseStands,
  licenseValidated,
  type QueuedVerb,
} from '@calbus/contracts/terminal-server-messages';
import type { Log } from '@calbus/runtime/log';
import {
  parseReadmission,
  parseValidatedReport,
  parseLicenseRequest,
  parseStatusReport,
  type PresentedLicense,
  type RequestCommand,
} from '../domain/parse-request.ts';
import type { Inventory, Signer } from '../ports.ts';

type MessageDeps = { readonly log: Log; readonly inventory: Inventory; readonly signer: Signer };

/** N1; logs a license that is not genuine. Undefined if its key is unknown and may become known, and the request may wait. */
const verify = (
  { signer, log }: MessageDeps,
  terminalServerId: string,
  requestId: string,
  license: string,
  chain: readonly string[] | undefined,
  mayWait: boolean,
): PresentedLicense | undefined => {
  const check = signer.verify(license, chain);
  if (!check.ok && check.unknown === true && mayWait) return undefined;
  if (!check.ok) {
    log.warn(
      { event: 'INVALID_LICENSE_PRESENTED', terminalServerId, requestId, row: 'N1', why: check.why },
      'a presented license is not genuine',
    );
  }
  return check;
};

/** One request of a message. */
export type ParsedRequest = {
  readonly requestId: string;
  readonly waitsMs: number;
  /** Undefined if the key of its license is unknown and may become known, and the request may wait. */
  readonly parse: (terminalServerId: string, mayWait: boolean) => RequestCommand | undefined;
};

export type ParsedMessage = {
  readonly id: string;
  /** The message carries several requests; one message answers them. */
  readonly together: boolean;
  readonly requests: readonly ParsedRequest[];
};

type Parse<B> = (terminalServerId: string, body: B, mayWait: boolean) => RequestCommand | undefined;
type RequestBody = { readonly requestId: string; readonly waitsMs: number };

const parsed = <B extends RequestBody>(body: B, parse: Parse<B>): ParsedRequest => ({
  requestId: body.requestId,
  waitsMs: body.waitsMs,
  parse: (ts, mayWait) => parse(ts, body, mayWait),
});

const decodeOne = <B extends RequestBody>(
  c: Contract<z.ZodType<B>>,
  bytes: Uint8Array,
  parse: Parse<B>,
): Decoded<ParsedMessage> => {
  const decoded = decode([c], bytes);
  if (!decoded.ok) return decoded;
  const { id, body } = decoded.message;
  return { ok: true, message: { id, together: false, requests: [parsed(body, parse)] } };
};

const request =
  (deps: MessageDeps): Parse<Body<typeof licenseRequest>> =>
  (ts, body, mayWait) => {
    const { presented: license, presentedChain } = body;
    const generation = deps.inventory.position()?.generation;
    if (license === undefined) return parseLicenseRequest(ts, body, undefined, generation);
    const presented = verify(deps, ts, body.requestId, license, presentedChain, mayWait);
    return presented && parseLicenseRequest(ts, body, presented, generation);
  };

const decodeRequests = (deps: MessageDeps, bytes: Uint8Array): Decoded<ParsedMessage> => {
  const decoded = decode([licenseRequests], bytes);
  if (!decoded.ok) return decoded;
  const { id, body } = decoded.message;
  const requests = body.requests.map((r) => parsed(r, request(deps)));
  return { ok: true, message: { id, together: true, requests } };
};

type DecodeMessage = (deps: MessageDeps, bytes: Uint8Array) => Decoded<ParsedMessage>;
/** By the verb of the subject: the message, or why it does not decode. */
export const decodeMessage: Readonly<Record<QueuedVerb, DecodeMessage>> = {
  request: (deps, bytes) => decodeOne(licenseRequest, bytes, request(deps)),
  requests: decodeRequests,
  validated: (_deps, bytes) => decodeOne(licenseValidated, bytes, parseValidatedReport),
  relearn: (deps, bytes) =>
    decodeOne(licenseRelearn, bytes, (ts, body, mayWait) => {
      const presented = verify(deps, ts, body.requestId, body.license, body.chain, mayWait);
      return presented && parseReadmission(ts, body, presented);
    }),
  stands: (_deps, bytes) => decodeOne(licenseStands, bytes, parseStatusReport),
};
export const isVerb = (verb: string): verb is QueuedVerb => Object.hasOwn(decodeMessage, verb);
/** The kind of each request in such a message. */
export const kindOf = (verb: QueuedVerb): Exclude<QueuedVerb, 'requests'> =>
  verb === 'requests' ? 'request' : verb;
