// An answer of the Clearinghouse: verified up to its root, matched with its command, applied once however often it comes.

import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  ANSWER_TYP,
  clearinghouseAnswer,
  KEY_PACK_TYP,
  keyPackClaims,
  type ClearinghouseAnswer,
  type KeyPackClaims,
} from '@calbus/contracts/clearinghouse';
import type { PurchasedCals, Installable, AgreementReference } from '@calbus/contracts/purchases';
import type { OfflineProblem } from '@calbus/contracts/offline-exchange-messages';
import { firstIssue } from '@calbus/contracts/envelope';
import { fault, type Fault, type EmittedFaultCode } from '@calbus/contracts/faults';
import type { RefusalCode } from '@calbus/contracts/refusals';
import { publicJwk, verifyChain } from '@calbus/licenses/certificates';
import { openStatement } from '@calbus/licenses/statements';
import {
  isOpen,
  needsWithheldCals,
  type Command,
  type CommandRequest,
  type CommandState,
} from '../domain/command.ts';
import type { AnswerResult, IssuedPack, Signer, Store } from '../ports.ts';

export type AnswerDeps = {
  readonly store: Store;
  readonly signer: Pick<Signer, 'publicX' | 'nextPublicX' | 'adoptNextKey'>;
  /** The Clearinghouse root, in PEM. */
  readonly root: string;
  readonly now: () => number;
};

export type AnswerOutcome =
  | { readonly kind: 'applied'; readonly commandId: string; readonly state: CommandState['state'] }
  /** `late`: it is no rejection, so it says another thing than a command that was rejected. */
  | { readonly kind: 'repeated'; readonly commandId: string; readonly late: boolean }
  /** `problem` is for the person who brought it. */
  | { readonly kind: 'dead'; readonly fault: Fault; readonly problem: OfflineProblem };

type Verdict = {
  readonly state: CommandState;
  readonly answered: AnswerResult | null;
  /** Done within the transaction that applies it. */
  readonly within?: () => void;
};

const dead = (
  code: EmittedFaultCode,
  says: string,
  problem: OfflineProblem = 'NOT_GENUINE',
): AnswerOutcome => ({
  kind: 'dead',
  fault: fault(code, says),
  problem,
});

const rejected = (at: number, reason: RefusalCode, says: string): Verdict => ({
  state: { state: 'rejected', at, reason, says: says.slice(0, 500) },
  answered: null,
});

const activated = (
  d: AnswerDeps,
  command: Command,
  a: Extract<ClearinghouseAnswer, { type: 'activated' }>,
): Verdict => {
  const isReactivation = command.request.kind === 'reactivate';
  const publicX = isReactivation ? d.signer.nextPublicX() : d.signer.publicX();
  const at = d.now();
  const { serverId, epoch, chain } = a.body;
  const checked = verifyChain(chain, [d.root], ['license-server'], at);
  if (!checked.ok) return rejected(at, 'CERTIFICATE_REJECTED', `The certificate: ${checked.why}.`);
  if (checked.leaf.commonName !== serverId || publicJwk(checked.leaf.publicKey).x !== publicX)
    return rejected(at, 'CERTIFICATE_REJECTED', 'The certificate is not for this license server.');
  const own = d.store.activation();
  if (own && epoch <= own.epoch)
    return rejected(
      at,
      'CERTIFICATE_REJECTED',
      `Epoch ${epoch} is not later than the one in force, ${own.epoch}.`,
    );
  if (command.request.kind === 'reactivate' && serverId !== command.request.serverId)
    return rejected(at, 'CERTIFICATE_REJECTED', 'The certificate is for another id than was asked for.');
  const answered = { kind: 'activated', serverId, epoch, chain } as const;
  return {
    state: { state: 'answered', at },
    answered,
    ...(isReactivation ? { within: d.signer.adoptNextKey } : {}),
  };
};

type VerifiedPack =
  { readonly ok: true; readonly claims: KeyPackClaims } | { readonly ok: false; readonly why: string };

/** A key pack for this license server as it is activated now; or, where `before`, as it was activated earlier. */
const verifyPack = (d: AnswerDeps, jws: string, before = false): VerifiedPack => {
  const opened = openStatement(jws, KEY_PACK_TYP, [d.root], d.now());
  if (!opened.ok) return { ok: false, why: `The key pack: ${opened.why}.` };
  const claims = keyPackClaims.safeParse(opened.payload);
  if (!claims.success) return { ok: false, why: firstIssue(claims.error) };
  const own = d.store.activation();
  const { serverId, epoch } = claims.data;
  if (own?.serverId !== serverId) return { ok: false, why: 'The key pack is of another license server.' };
  return own.epoch === epoch || (before && epoch < own.epoch)
    ? { ok: true, claims: claims.data }
    : { ok: false, why: `The key pack is of epoch ${epoch}; in force is ${own.epoch}.` };
};

/** Whether the pack is of what was asked for; of a license code the code itself says what is in it. */
const isOf = (asked: Installable, purchase: PurchasedCals): boolean =>
  asked.program === 'retail' ? purchase.program === 'retail' : isDeepStrictEqual(asked, purchase);

const keyPack = (d: AnswerDeps, command: Command, jws: string): Verdict => {
  const at = d.now();
  const opened = verifyPack(d, jws);
  if (!opened.ok) return rejected(at, 'KEY_PACK_REJECTED', opened.why);
  const { purchase, keyPackId } = opened.claims;
  if (command.request.kind !== 'install' || !isOf(command.request.purchase, purchase))
    return rejected(at, 'KEY_PACK_REJECTED', 'The key pack is not of the purchase that was asked for.');
  return { state: { state: 'answered', at }, answered: { kind: 'key-pack', keyPackId, keyPack: jws } };
};

const recovered = (
  d: AnswerDeps,
  asked: AgreementReference,
  { keyPacks: statements, more }: Extract<ClearinghouseAnswer, { type: 'recovered' }>['body'],
): Verdict => {
  const at = d.now();
  const packs: IssuedPack[] = [];
  for (const keyPack of statements) {
    const opened = verifyPack(d, keyPack);
    if (!opened.ok) return rejected(at, 'KEY_PACK_REJECTED', opened.why);
    const { keyPackId, purchase } = opened.claims;
    if (purchase.program !== asked.program || purchase.agreementNumber !== asked.agreementNumber)
      return rejected(at, 'KEY_PACK_REJECTED', 'A key pack is of another agreement than was asked for.');
    packs.push({ keyPackId, keyPack });
  }
  return { state: { state: 'answered', at }, answered: { kind: 'recovered', packs, more } };
};

const packChanged = (
  d: AnswerDeps,
  asked: Extract<CommandRequest, { kind: 'change-pack' }>,
  { body }: Extract<ClearinghouseAnswer, { type: 'pack-changed' }>,
): Verdict | undefined => {
  const at = d.now();
  const { keyPackId, quantity, keyPack } = body;
  const isOfKind = (keyPack === null) === (asked.to === 'agreement');
  if (keyPackId !== asked.keyPackId || quantity !== asked.quantity || !isOfKind) return undefined;
  const changed = { kind: 'pack-changed', keyPackId } as const;
  if (keyPack === null) return { state: { state: 'answered', at }, answered: { ...changed, into: null } };
  // The CALs have left the one pack in any case; where the other is of an earlier epoch, inventory says so, and recovery brings it.
  const opened = verifyPack(d, keyPack, true);
  if (!opened.ok || opened.claims.purchase.quantity !== quantity) return undefined;
  const into = { keyPackId: opened.claims.keyPackId, keyPack };
  return { state: { state: 'answered', at }, answered: { ...changed, into } };
};

const verdictOf = (d: AnswerDeps, command: Command, a: ClearinghouseAnswer): Verdict | undefined => {
  const { request } = command;
  const at = d.now();
  switch (a.type) {
    case 'activated':
      return request.kind === 'activate' || request.kind === 'reactivate'
        ? activated(d, command, a)
        : undefined;
    case 'key-pack':
      return request.kind === 'install' ? keyPack(d, command, a.body.keyPack) : undefined;
    case 'deactivated':
      return request.kind === 'deactivate'
        ? { state: { state: 'answered', at }, answered: { kind: 'deactivated' } }
        : undefined;
    case 'recovered':
      return request.kind === 'recover' ? recovered(d, request.paper, a.body) : undefined;
    case 'pack-changed':
      return request.kind === 'change-pack' ? packChanged(d, request, a) : undefined;
    case 'rejected': {
      const { reason, says } = a.body;
      return needsWithheldCals(request)
        ? { state: { state: 'answered', at }, answered: { kind: 'not-taken', reason, says } }
        : { state: { state: 'rejected', at, reason, says }, answered: null };
    }
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
    return dead('INVALID_BODY', 'The answer is for another license server.', 'OTHER_SERVER');
  const command = d.store.command(answer.commandId);
  if (!command)
    return dead('INVALID_BODY', 'The answer is to a command that was never asked here.', 'OTHER_COMMAND');
  const { commandId } = command;
  const repeated = { kind: 'repeated', commandId, late: answer.type !== 'rejected' } as const;
  if (!isOpen(command.state)) return repeated;
  const hash = createHash('sha256').update(command.jws).digest('hex');
  if (answer.commandHash !== undefined && answer.commandHash !== hash)
    return dead('INVALID_BODY', 'The answer is to another command under the same id.', 'OTHER_COMMAND');
  const verdict = verdictOf(d, command, answer);
  if (!verdict)
    return dead('INVALID_BODY', 'The answer is of another kind than its command.', 'OTHER_COMMAND');
  return d.store.applyAnswer(commandId, verdict.state, verdict.answered, verdict.within)
    ? { kind: 'applied', commandId, state: verdict.state.state }
    : repeated;
};
