// Handles one command of a license server: opens, verifies and decides it, and stores the answer. Decision, effects and answer are one
// transaction. The same command always gives the same answer bytes.

import { createHash } from 'node:crypto';
import { z } from 'zod';
import {
  COMMAND_TYP,
  clearinghouseCommand,
  type ClearinghouseCommand,
  type ClearinghouseReason,
} from '@calbus/contracts/clearinghouse';
import { rabbitmqNames } from '@calbus/contracts/rabbitmq-names';
import { firstIssue } from '@calbus/contracts/envelope';
import { fault, type Fault } from '@calbus/contracts/faults';
import { productId, token } from '@calbus/contracts/tokens';
import { publicKeyFromJwk } from '@calbus/licenses/certificates';
import { openJws, verifyJws, type OpenedJws } from '@calbus/licenses/jws';
import { decideTries, GUESSES, GUESSES_WINDOW_MS, reject, TRIES_WINDOW_MS } from '../domain/decisions.ts';
import { applyCommand, draftActivation, type CommandDeps, type VerifiedCommand } from './command-effects.ts';

export type Delivery = {
  readonly bytes: Uint8Array;
  readonly routingKey: string;
  readonly user: string | undefined;
};

/** The result of a command: done, rejected with a reason, or a repeated answer. */
export type OutcomeLabel = ClearinghouseCommand['type'] | ClearinghouseReason | 'repeated';

export type Outcome =
  | {
      readonly kind: 'answer';
      readonly user: string;
      readonly answer: string;
      readonly label: OutcomeLabel;
      readonly commandId: string;
    }
  /** A message without a sender or a command cannot be answered. */
  | { readonly kind: 'dead'; readonly fault: Fault };

const MAX_BYTES = 65_536;
const head = z.object({ id: token, productId });
const jwk = z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string().length(43) });

const dead = (f: Fault): Outcome => ({ kind: 'dead', fault: f });

/** The sender's key, if it signed the command. */
const signedBy = (jws: OpenedJws): string | undefined => {
  const key = jwk.safeParse(jws.header['jwk']);
  if (!key.success) return undefined;
  try {
    return verifyJws(jws, COMMAND_TYP, publicKeyFromJwk(key.data)) ? key.data.x : undefined;
  } catch {
    return undefined; // 43 characters that are no point on the curve
  }
};

const open = (jws: OpenedJws): VerifiedCommand => {
  const key = signedBy(jws);
  if (key === undefined) return reject('BAD_SIGNATURE');
  const command = clearinghouseCommand.safeParse(jws.payload);
  return command.success
    ? { kind: 'command', command: command.data, key }
    : reject('MALFORMED', firstIssue(command.error));
};

/** Throws only if the store fails. Then nothing has changed, and the delivery may be handled again. */
export const handleCommand = async (d: CommandDeps, m: Delivery): Promise<Outcome> => {
  const { user, bytes } = m;
  if (!token.safeParse(user).success || user === undefined)
    return dead(fault('NOT_AN_ENVELOPE', 'The message does not name the account of its sender.'));
  if (m.routingKey !== rabbitmqNames.commandKey(user))
    return dead(fault('WRONG_SUBJECT', "The routing key is not that of the sender's account."));
  if (bytes.byteLength > MAX_BYTES) return dead(fault('TOO_LARGE'));
  const jws = openJws(Buffer.from(bytes).toString('latin1'));
  if (!jws) return dead(fault('NOT_AN_ENVELOPE', 'The message is not a signed statement (compact JWS).'));
  if (jws.header.typ !== COMMAND_TYP) return dead(fault('UNKNOWN_TYPE', `Taken here: ${COMMAND_TYP}.`));
  const of = head.safeParse(jws.payload);
  if (!of.success) return dead(fault('INVALID_BODY', firstIssue(of.error)));

  const hash = createHash('sha256').update(bytes).digest('hex');
  const statement = { commandId: of.data.id, commandHash: hash, productId: of.data.productId };
  const { commandId } = statement;
  const opened = open(jws);
  // A message that its sender did not sign is answered under its hash, so that it cannot take the place of a command.
  const key = opened.kind === 'command' ? statement.commandId : hash;
  const draft = await draftActivation(d, opened);
  return d.store.transact((registry): Outcome => {
    const rejected = (r: { reason: string; says: string }): string =>
      d.signer.answer({
        id: d.random.id(),
        version: 1,
        issuedAt: d.now(),
        type: 'rejected',
        ...statement,
        body: { reason: r.reason, says: r.says.slice(0, 500) },
      });
    const kept = registry.answerOf(user, key);
    if (kept) {
      const same = kept.hash === hash;
      const answer = same ? kept.answer : rejected(reject('DIFFERENT_COMMAND'));
      return { kind: 'answer', user, answer, label: same ? 'repeated' : 'DIFFERENT_COMMAND', commandId };
    }
    const tries = {
      commands: registry.tries(user, d.now() - TRIES_WINDOW_MS),
      guesses: registry.rejections(user, GUESSES, d.now() - GUESSES_WINDOW_MS),
    };
    const limit = decideTries(tries, opened.kind === 'command' ? opened.command : undefined);
    const decided = limit ?? applyCommand(d, registry, user, opened, draft, hash);
    const answer = decided.kind === 'rejected' ? rejected(decided) : decided.answer;
    const reason = decided.kind === 'rejected' ? decided.reason : null;
    registry.storeAnswer(user, key, { hash, answer, reason }, d.now());
    const about = decided.kind === 'rejected' ? decided.reason : decided.kind;
    return { kind: 'answer', user, answer, label: about, commandId };
  });
};
