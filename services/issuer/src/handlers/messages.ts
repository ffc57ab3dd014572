// The messages that terminal servers put into the queue: how each is opened, and what it asks for.

import { decode, type Body, type Contract, type Decoded } from '@calbus/contracts/envelope';
import {
  licenseRelearn,
  licenseRequest,
  licenseStands,
  licenseValidated,
} from '@calbus/contracts/terminal-server-messages';
import type { Log } from '@calbus/runtime/log';
import {
  understandRelearn,
  understandReport,
  understandRequest,
  understandStanding,
  type Presented,
  type Understood,
} from '../domain/understand.ts';
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
): Presented | undefined => {
  const check = signer.check(license, chain);
  if (!check.ok && check.unknown === true && patient) return undefined;
  if (!check.ok) {
    log.warn(
      { event: 'INVALID_LICENSE_PRESENTED', terminalServerId, requestId, row: 'N1', why: check.why },
      'a presented license is not genuine',
    );
  }
  return check;
};

export type Opened = {
  readonly id: string;
  readonly waitsMs: number;
  /** Undefined while it cannot be said whether the license in it is genuine, which only who is `patient` is told. */
  readonly understand: (terminalServerId: string, patient: boolean) => Understood | undefined;
};

const open = <C extends Contract>(
  c: C,
  bytes: Uint8Array,
  understand: (terminalServerId: string, body: Body<C>, patient: boolean) => Understood | undefined,
): Decoded<Opened> => {
  const decoded = decode([c], bytes);
  if (!decoded.ok) return decoded;
  const { id, body } = decoded.message;
  const { waitsMs } = body as { readonly waitsMs: number };
  return { ok: true, message: { id, waitsMs, understand: (ts, patient) => understand(ts, body, patient) } };
};

type Verb = 'request' | 'validated' | 'relearn' | 'stands';
/** By the verb of the subject: the message, or why it does not decode. */
export const openMessage: Readonly<Record<Verb, (deps: MessageDeps, bytes: Uint8Array) => Decoded<Opened>>> =
  {
    request: (deps, bytes) =>
      open(licenseRequest, bytes, (ts, body, patient) => {
        const { presented: license, presentedChain } = body;
        const generation = deps.inventory.position()?.generation;
        if (license === undefined) return understandRequest(ts, body, undefined, generation);
        const presented = checked(deps, ts, body.requestId, license, presentedChain, patient);
        return presented && understandRequest(ts, body, presented, generation);
      }),
    validated: (_deps, bytes) => open(licenseValidated, bytes, understandReport),
    relearn: (deps, bytes) =>
      open(licenseRelearn, bytes, (ts, body, patient) => {
        const presented = checked(deps, ts, body.requestId, body.license, body.chain, patient);
        return presented && understandRelearn(ts, body, presented);
      }),
    stands: (_deps, bytes) => open(licenseStands, bytes, understandStanding),
  };
export const isVerb = (verb: string): verb is Verb => Object.hasOwn(openMessage, verb);
