// The operator's connection to NATS: asks inventory and the liaison, and explains in a sentence why no answer came.

import { RequestStrategy, type NatsConnection } from 'nats';
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
import { newId } from './ids.ts';
import { connectAsIdentity } from './nats-connection.ts';
import { Problem } from './problem.ts';
import { natsEndpoint, readSecret, type Profile } from './profile.ts';

const tlsNames: TlsNames = {
  server: 'NATS',
  url: '"natsUrl" of the profile',
  caFile: '"natsCaFile" of the profile',
  scheme: 'tls://',
};
const REQUEST_TIMEOUT_MS = 3_000;
/** The wait for further answers after the first answer to a question that all replicas answer. */
const FURTHER_ANSWERS_MS = 300;
const MAX_RECONNECT_ATTEMPTS = 5;

export type Accepted = Body<typeof inventoryAccepted>;

export type OperatorClient = {
  readonly nc: NatsConnection;
  /** Sends one question and returns the one answer. */
  readonly ask: <C extends Contract, A extends Contract>(
    subject: string,
    c: C,
    body: Body<C>,
    answer: A,
  ) => Promise<Message<A>['body']>;
  /** Sends one question to all replicas and returns the answers in the order of their arrival. */
  readonly askAll: <C extends Contract, A extends Contract>(
    subject: string,
    c: C,
    body: Body<C>,
    answer: A,
  ) => Promise<Message<A>['body'][]>;
  /** Sends one question that has several types of answers. */
  readonly askAny: <C extends Contract, A extends Contract>(
    subject: string,
    c: C,
    body: Body<C>,
    answers: readonly A[],
  ) => Promise<Message<A>>;
  /**
   * Sends a command to the leader, and retries while the leader changes. The command id makes a retry harmless. Throws a Problem with
   * the refusal.
   */
  readonly sendToLeader: <C extends InventoryCommand<'operate'>>(c: C, body: Body<C>) => Promise<Accepted>;
  /** Follows the leader's heartbeat from the first call on. */
  readonly leaderTracker: () => LeaderTracker;
  /** Throws a Problem where the profile's identity may not publish on the subject. */
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
  UNREACHABLE: ' Is that service running?',
  NO_LEADER: ' See calbus status.',
};

/** A fault as a Problem with advice; any other error as it is. */
const problemOf = (error: unknown): unknown => {
  const fault = faultOf(error);
  return fault ? new Problem(fault.code, `${fault.detail}${advice[fault.code] ?? ''}`) : error;
};

const connectAs = async (profile: Profile, identity: 'operator' | 'observer'): Promise<NatsConnection> => {
  const seed = readSecret(profile.natsSeedFile);
  // A file that cannot be read is not a server that does not answer.
  const endpoint = natsEndpoint(profile);
  try {
    return await connectAsIdentity(endpoint, seed, {
      name: 'calbus',
      inboxPrefix: identities[identity].inbox,
      maxReconnectAttempts: MAX_RECONNECT_ATTEMPTS,
    });
  } catch (error) {
    const { says } = tlsAdvice(error, tlsNames);
    throw new Problem(
      'UNREACHABLE',
      says ?? `NATS does not answer at ${profile.natsUrl}: is calbus running? \`npm start\` starts it.`,
    );
  }
};

const askAll = async <C extends Contract, A extends Contract>(
  nc: NatsConnection,
  subject: string,
  c: C,
  body: Body<C>,
  answer: A,
): Promise<Message<A>['body'][]> => {
  const found: Message<A>['body'][] = [];
  try {
    const question = encode(c, { id: newId(), sentAt: Date.now() }, body);
    const options = {
      strategy: RequestStrategy.JitterTimer,
      maxWait: REQUEST_TIMEOUT_MS,
      jitter: FURTHER_ANSWERS_MS,
    };
    for await (const m of await nc.requestMany(subject, question, options)) {
      const decoded = decode([answer], m.data);
      if (decoded.ok) found.push(decoded.message.body);
    }
  } catch {
    // A timeout and a missing responder both mean that no further answer comes.
  }
  return found;
};

/** Throws a Problem where NATS cannot be reached. */
export const connectOperator = async (profile: Profile): Promise<OperatorClient> => {
  const identity = profile.identity ?? 'operator';
  const nc = await connectAs(profile, identity);
  const permit: OperatorClient['permit'] = (subject) => {
    if (identities[identity].publish.some((pattern) => matches(pattern, subject))) return;
    throw new Problem(
      'NOT_PERMITTED',
      `The profile is that of an ${identity}, who may not do this: name the operator's with --profile.`,
    );
  };
  const askAny: OperatorClient['askAny'] = async (subject, c, body, answers) => {
    permit(subject);
    try {
      const stamp = { id: newId(), sentAt: Date.now() };
      return await sendRequest(nc, subject, c, stamp, body, answers, REQUEST_TIMEOUT_MS);
    } catch (error) {
      throw problemOf(error);
    }
  };
  const leaderTracker = lazy(() => subscribeToLeader(nc, systemClock));
  const leaderClient = lazy(() => createLeaderClient(nc, systemClock, leaderTracker()));
  return {
    nc,
    permit,
    askAny,
    askAll: (subject, c, body, answer) => askAll(nc, subject, c, body, answer),
    leaderTracker,
    sendToLeader: async (c, body) => {
      // Permissions are the same for every term.
      permit(subjects.inventory.operate(1));
      const options = { timeoutMs: REQUEST_TIMEOUT_MS };
      const answer = await leaderClient()
        .sendWithRetries('operate', c, body, recordAnswers, options)
        .catch((error: unknown) => {
          throw problemOf(error);
        });
      if (answer.type === inventoryAccepted.type) return answer.body;
      const { code, detail, ...facts } = answer.body;
      throw new Problem(code, detail, facts);
    },
    ask: async (subject, c, body, answer) => (await askAny(subject, c, body, [answer])).body,
    close: () => nc.close(),
  };
};
