// An answer of the Clearinghouse: verified up to its root, matched with its command, applied once however often it comes.

import { isDeepStrictEqual } from 'node:util';
import {
  ANSWER_TYP,
  clearinghouseAnswer,
  KEY_PACK_TYP,
  keyPackClaims,
  type ClearinghouseAnswer,
} from '@calbus/contracts/clearinghouse';
import { firstIssue } from '@calbus/contracts/envelope';
import { fault, type Fault, type FaultCode } from '@calbus/contracts/faults';
import type { RefusalCode } from '@calbus/contracts/refusals';
import { publicJwk, verifyChain } from '@calbus/trust/certificates';
import { openStatement } from '@calbus/trust/statements';
import { isOpen, type Command, type State } from '../domain/command.ts';
import type { Answered, Signer, Store } from '../ports.ts';

export type AnswerDeps = {
  readonly store: Store;
  readonly signer: Pick<Signer, 'publicX'>;
  /** The Clearinghouse root, in PEM. */
  readonly root: string;
  readonly now: () => number;
};

export type AnswerOutcome =
  | { readonly kind: 'applied'; readonly commandId: string; readonly state: State['state'] }
  | { readonly kind: 'repeated'; readonly commandId: string }
  | { readonly kind: 'dead'; readonly fault: Fault };

type Verdict = { readonly state: State; readonly answered: Answered | null };

const dead = (code: FaultCode, says: string): AnswerOutcome => ({ kind: 'dead', fault: fault(code, says) });

const spoilt = (at: number, reason: RefusalCode, says: string): Verdict => ({
  state: { state: 'rejected', at, reason, says: says.slice(0, 500) },
  answered: null,
});

const activated = (d: AnswerDeps, a: Extract<ClearinghouseAnswer, { type: 'activated' }>): Verdict => {
  const at = d.now();
  const { serverId, epoch, chain } = a.body;
  const checked = verifyChain(chain, [d.root], ['license-server'], at);
  if (!checked.ok) return spoilt(at, 'CERTIFICATE_REJECTED', `The certificate: ${checked.why}.`);
  if (checked.leaf.commonName !== serverId || publicJwk(checked.leaf.publicKey).x !== d.signer.publicX)
    return spoilt(at, 'CERTIFICATE_REJECTED', 'The certificate is not for this license server.');
  return { state: { state: 'answered', at }, answered: { kind: 'activated', serverId, epoch, chain } };
};

const keyPack = (d: AnswerDeps, command: Command, jws: string): Verdict => {
  const at = d.now();
  const opened = openStatement(jws, KEY_PACK_TYP, [d.root], at);
  if (!opened.ok) return spoilt(at, 'KEY_PACK_REJECTED', `The key pack: ${opened.why}.`);
  const claims = keyPackClaims.safeParse(opened.payload);
  if (!claims.success) return spoilt(at, 'KEY_PACK_REJECTED', firstIssue(claims.error));
  const { serverId, epoch, purchase, keyPackId } = claims.data;
  const own = d.store.activation();
  if (own?.serverId !== serverId || own.epoch !== epoch)
    return spoilt(at, 'KEY_PACK_REJECTED', 'The key pack is of another license server or epoch.');
  if (command.request.kind !== 'install' || !isDeepStrictEqual(purchase, command.request.purchase))
    return spoilt(at, 'KEY_PACK_REJECTED', 'The key pack is not of the purchase that was asked for.');
  return { state: { state: 'answered', at }, answered: { kind: 'key-pack', keyPackId, keyPack: jws } };
};

const verdictOf = (d: AnswerDeps, command: Command, a: ClearinghouseAnswer): Verdict | undefined => {
  switch (a.type) {
    case 'activated':
      return command.request.kind === 'activate' ? activated(d, a) : undefined;
    case 'key-pack':
      return command.request.kind === 'install' ? keyPack(d, command, a.body.keyPack) : undefined;
    case 'rejected':
      return { state: { state: 'rejected', at: d.now(), ...a.body }, answered: null };
  }
};

/** Throws only where the store fails. */
export const handleAnswer = (d: AnswerDeps, bytes: Uint8Array): AnswerOutcome => {
  const opened = openStatement(Buffer.from(bytes).toString('latin1'), ANSWER_TYP, [d.root], d.now());
  if (!opened.ok) return dead('NOT_AN_ENVELOPE', `Not an answer of the Clearinghouse: ${opened.why}.`);
  const parsed = clearinghouseAnswer.safeParse(opened.payload);
  if (!parsed.success) return dead('INVALID_BODY', firstIssue(parsed.error));
  const answer = parsed.data;
  if (answer.productId !== d.store.productId)
    return dead('INVALID_BODY', 'The answer is for another license server.');
  const command = d.store.command(answer.commandId);
  if (!command) return dead('INVALID_BODY', 'The answer is to a command that was never asked here.');
  const { commandId } = command;
  if (!isOpen(command.state)) return { kind: 'repeated', commandId };
  const verdict = verdictOf(d, command, answer);
  if (!verdict) return dead('INVALID_BODY', 'The answer is of another kind than its command.');
  return d.store.apply(commandId, verdict.state, verdict.answered)
    ? { kind: 'applied', commandId, state: verdict.state.state }
    : { kind: 'repeated', commandId };
};
