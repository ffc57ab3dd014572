// The messages that terminal servers put into the queue: how each is opened, and what it asks for.

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

/** N1, with a word in the log; undefined while it cannot be said, and `patient`. */
const checked = (
  { signer, log }: MessageDeps,
  terminalServerId: string,
  requestId: string,
  license: string,
  chain: readonly string[] | undefined,
  patient: boolean,
): PresentedLicense | undefined => {
  const check = signer.verify(license, chain);
  if (!check.ok && check.unknown === true && patient) return undefined;
  if (!check.ok) {
    log.warn(
      { event: 'INVALID_LICENSE_PRESENTED', terminalServerId, requestId, row: 'N1', why: check.why },
      'a presented license is not genuine',
    );
  }
  return check;
};

/** One request of a message. */
export type Opened = {
  readonly requestId: string;
  readonly waitsMs: number;
  /** Undefined while it cannot be said whether the license in it is genuine, which only who is `patient` is told. */
  readonly understand: (terminalServerId: string, patient: boolean) => RequestCommand | undefined;
};

export type OpenedMessage = {
  readonly id: string;
  /** They came together and are answered together. */
  readonly together: boolean;
  readonly requests: readonly Opened[];
};

type Understand<B> = (terminalServerId: string, body: B, patient: boolean) => RequestCommand | undefined;
type Asks = { readonly requestId: string; readonly waitsMs: number };

const opened = <B extends Asks>(body: B, understand: Understand<B>): Opened => ({
  requestId: body.requestId,
  waitsMs: body.waitsMs,
  understand: (ts, patient) => understand(ts, body, patient),
});

const open = <B extends Asks>(
  c: Contract<z.ZodType<B>>,
  bytes: Uint8Array,
  understand: Understand<B>,
): Decoded<OpenedMessage> => {
  const decoded = decode([c], bytes);
  if (!decoded.ok) return decoded;
  const { id, body } = decoded.message;
  return { ok: true, message: { id, together: false, requests: [opened(body, understand)] } };
};

const request =
  (deps: MessageDeps): Understand<Body<typeof licenseRequest>> =>
  (ts, body, patient) => {
    const { presented: license, presentedChain } = body;
    const generation = deps.inventory.position()?.generation;
    if (license === undefined) return parseLicenseRequest(ts, body, undefined, generation);
    const presented = checked(deps, ts, body.requestId, license, presentedChain, patient);
    return presented && parseLicenseRequest(ts, body, presented, generation);
  };

const openSeveral = (deps: MessageDeps, bytes: Uint8Array): Decoded<OpenedMessage> => {
  const decoded = decode([licenseRequests], bytes);
  if (!decoded.ok) return decoded;
  const { id, body } = decoded.message;
  const requests = body.requests.map((r) => opened(r, request(deps)));
  return { ok: true, message: { id, together: true, requests } };
};

type Open = (deps: MessageDeps, bytes: Uint8Array) => Decoded<OpenedMessage>;
/** By the verb of the subject: the message, or why it does not decode. */
export const openMessage: Readonly<Record<QueuedVerb, Open>> = {
  request: (deps, bytes) => open(licenseRequest, bytes, request(deps)),
  requests: openSeveral,
  validated: (_deps, bytes) => open(licenseValidated, bytes, parseValidatedReport),
  relearn: (deps, bytes) =>
    open(licenseRelearn, bytes, (ts, body, patient) => {
      const presented = checked(deps, ts, body.requestId, body.license, body.chain, patient);
      return presented && parseReadmission(ts, body, presented);
    }),
  stands: (_deps, bytes) => open(licenseStands, bytes, parseStatusReport),
};
export const isVerb = (verb: string): verb is QueuedVerb => Object.hasOwn(openMessage, verb);
/** What each request of such a message is. */
export const kindOf = (verb: QueuedVerb): Exclude<QueuedVerb, 'requests'> =>
  verb === 'requests' ? 'request' : verb;
