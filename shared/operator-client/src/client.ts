// The operator's connection: asks inventory and the liaison, and says in a sentence what is wrong when nobody answers.

import { nkeyAuthenticator, RequestStrategy, type NatsConnection } from 'nats';
import { randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import { decode, encode, type Body, type Contract, type Message } from '@calbus/contracts/envelope';
import { faultOf, type FaultCode } from '@calbus/contracts/faults';
import { identities } from '@calbus/contracts/identities';
import { recordAnswers, type InventoryCommand } from '@calbus/contracts/inventory-interface';
import { inventoryAccepted } from '@calbus/contracts/inventory-command-messages';
import { subjects } from '@calbus/contracts/subjects';
import { createLeaderClient } from '@calbus/inventory-client/leader-client';
import { subscribeToLeader, type LeaderTracker } from '@calbus/inventory-client/leader-heartbeat';
import { systemClock } from '@calbus/runtime/clock';
import { sendRequest } from '@calbus/runtime/request';
import { tlsAdvice, type TlsNames } from '@calbus/runtime/tls-advice';
import { natsTlsOptions } from '@calbus/runtime/nats-tls';
import { connectNats } from './nats-connection.ts';
import { plain } from '@calbus/cli/print';
import { Problem } from './problem.ts';
import { natsEndpoint, readSecret, type Profile } from './profile.ts';

const tlsNames: TlsNames = {
  server: 'NATS',
  url: '"natsUrl" of the profile',
  caFile: '"natsCaFile" of the profile',
  scheme: 'tls://',
};
const REQUEST_TIMEOUT_MS = 3_000;
/** After the first answer to a question to all, how long the others are waited for. */
const OTHERS_MS = 300;

export type OperatorClient = {
  readonly nc: NatsConnection;
  /** One question, one answer of `answer`'s kind. */
  readonly ask: <C extends Contract, A extends Contract>(
    subject: string,
    c: C,
    body: Body<C>,
    answer: A,
  ) => Promise<Message<A>['body']>;
  /** One question to all who answer it; what came within a moment, first come first. */
  readonly askAll: <C extends Contract, A extends Contract>(
    subject: string,
    c: C,
    body: Body<C>,
    answer: A,
  ) => Promise<Message<A>['body'][]>;
  /** Where several kinds of answers are possible. */
  readonly askAny: <C extends Contract, A extends Contract>(
    subject: string,
    c: C,
    body: Body<C>,
    answers: readonly A[],
  ) => Promise<Message<A>>;
  /**
   * One command to the leader; while the lead changes it is sent again, and its command id makes that harmless. Throws a Problem if
   * the leader refuses it.
   */
  readonly sendToLeader: <C extends InventoryCommand<'operate'>>(
    c: C,
    body: Body<C>,
  ) => Promise<Body<typeof inventoryAccepted>>;
  /** Follows the leader's heartbeat from the first call on. */
  readonly leaderTracker: () => LeaderTracker;
  /** Throws a sentence where the profile's identity may not publish there. */
  readonly permit: (subject: string) => void;
  readonly close: () => Promise<void>;
};

const matches = (pattern: string, subject: string): boolean => {
  const [wanted, given] = [pattern.split('.'), subject.split('.')];
  const rest = wanted.at(-1) === '>';
  if (rest ? given.length < wanted.length : given.length !== wanted.length) return false;
  return wanted.every((token, i) => token === '*' || token === '>' || token === given[i]);
};

const lazy = <T>(create: () => T): (() => T) => {
  let value: { readonly of: T } | undefined;
  return () => (value ??= { of: create() }).of;
};

const advice: Partial<Record<FaultCode, string>> = {
  UNREACHABLE: 'Is that service running?',
  NO_LEADER: 'See calbus status.',
};

/** A fault as a Problem with advice; any other error as it is. */
const problemOf = (error: unknown): unknown => {
  const fault = faultOf(error);
  return fault ? new Problem(fault.code, `${fault.detail} ${advice[fault.code] ?? ''}`.trim()) : error;
};

/** Who acts, for the ledger. */
export const operatorName = (): string => {
  const name = plain(process.env['SUDO_USER'] ?? userInfo().username).slice(0, 256);
  return name === '' ? 'operator' : name;
};

/** None begins with a hyphen, which a command would take for an option: ids of commands are typed again. */
export const newId = (): string => {
  for (;;) {
    const id = randomBytes(12).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
};

export const connectOperator = async (profile: Profile): Promise<OperatorClient> => {
  const seed = readSecret(profile.natsSeedFile);
  const who = profile.identity ?? 'operator';
  const { servers, ca } = natsEndpoint(profile);
  let nc: NatsConnection;
  try {
    nc = await connectNats(servers, {
      ...natsTlsOptions(servers, ca),
      name: 'calbus',
      authenticator: nkeyAuthenticator(new TextEncoder().encode(seed)),
      inboxPrefix: identities[who].inbox,
      maxReconnectAttempts: 5,
    });
  } catch (error) {
    const { says } = tlsAdvice(error, tlsNames);
    throw new Problem(
      'UNREACHABLE',
      says ?? `NATS does not answer at ${profile.natsUrl}: is calbus running? \`npm start\` starts it.`,
    );
  }
  const permit: OperatorClient['permit'] = (subject) => {
    if (identities[who].publish.some((pattern) => matches(pattern, subject))) return;
    throw new Problem(
      'NOT_PERMITTED',
      `The profile is that of an ${who}, who may not do this: name the operator's with --profile.`,
    );
  };
  const askAny: OperatorClient['askAny'] = async (subject, c, body, answers) => {
    permit(subject);
    try {
      return await sendRequest(
        nc,
        subject,
        c,
        { id: newId(), sentAt: Date.now() },
        body,
        answers,
        REQUEST_TIMEOUT_MS,
      );
    } catch (error) {
      throw problemOf(error);
    }
  };
  const createTracker = lazy(() => subscribeToLeader(nc, systemClock));
  const createClient = lazy(() => createLeaderClient(nc, systemClock, createTracker()));
  return {
    nc,
    permit,
    askAny,
    leaderTracker: createTracker,
    sendToLeader: async (c, body) => {
      permit(subjects.inventory.operate(1));
      try {
        const options = { timeoutMs: REQUEST_TIMEOUT_MS };
        const answer = await createClient().sendWithRetries('operate', c, body, recordAnswers, options);
        if (answer.type === inventoryAccepted.type) return answer.body;
        const { code, detail, ...facts } = answer.body;
        throw new Problem(code, detail, facts);
      } catch (error) {
        throw problemOf(error);
      }
    },
    askAll: async (subject, c, body, answer) => {
      const found: Message<typeof answer>['body'][] = [];
      try {
        const question = encode(c, { id: newId(), sentAt: Date.now() }, body);
        const options = {
          strategy: RequestStrategy.JitterTimer,
          maxWait: REQUEST_TIMEOUT_MS,
          jitter: OTHERS_MS,
        };
        for await (const m of await nc.requestMany(subject, question, options)) {
          const decoded = decode([answer], m.data);
          if (decoded.ok) found.push(decoded.message.body);
        }
      } catch {
        // nobody answers: what was found is the answer
      }
      return found;
    },
    ask: async (subject, c, body, answer) => (await askAny(subject, c, body, [answer])).body,
    close: () => nc.close(),
  };
};
