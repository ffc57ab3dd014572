// The streams and buckets calbus needs, as plain data: who sets up a deployment creates them, the services only use them.

import { MAX_BATCH_BYTES } from './ledger.ts';
import { subjects } from './subjects.ts';

const SECOND = 1_000_000_000;

/** The NATS accounts; identities.ts says who lives in which, and why. */
export type Account = 'TS' | 'CAL' | 'LEDGER' | 'SYS';

export type StreamPlan = {
  readonly account: Account;
  readonly name: string;
  readonly about: string;
  readonly subjects: readonly string[];
  readonly retention: 'limits' | 'workqueue';
  readonly storage: 'file' | 'memory';
  readonly discard: 'new' | 'old';
  readonly maxAgeNs?: number;
  readonly maxMessages?: number;
  readonly maxMessagesPerSubject?: number;
  readonly maxBytes?: number;
  readonly maxMessageBytes?: number;
  readonly allowDirect: boolean;
  readonly allowRollup?: boolean;
  readonly denyDelete: boolean;
  readonly denyPurge: boolean;
  readonly compressed: boolean;
};

export const streams = {
  requests: {
    account: 'CAL',
    name: 'CAL_REQUESTS',
    about: 'License requests until an issuer has answered them; full means BUSY, not a pile.',
    subjects: [subjects.license.all],
    retention: 'workqueue',
    storage: 'memory',
    discard: 'new',
    maxAgeNs: 60 * SECOND,
    maxMessages: 20_000,
    maxBytes: 64 * 1024 * 1024,
    maxMessageBytes: 32_768,
    allowDirect: false,
    denyDelete: false,
    denyPurge: false,
    compressed: false,
  },
  deadLetters: {
    account: 'CAL',
    name: 'CAL_DEAD_LETTERS',
    about: 'Messages that no one can handle, with who, where and why.',
    subjects: [subjects.deadLetters],
    retention: 'limits',
    storage: 'file',
    discard: 'old',
    maxAgeNs: 30 * 86_400 * SECOND,
    maxMessages: 100_000,
    maxBytes: 256 * 1024 * 1024,
    allowDirect: true,
    denyDelete: true,
    denyPurge: true,
    compressed: true,
  },
  events: {
    account: 'CAL',
    name: 'CAL_EVENTS',
    about: "What was worth an operator's attention.",
    subjects: [subjects.events],
    retention: 'limits',
    storage: 'file',
    discard: 'old',
    maxAgeNs: 30 * 86_400 * SECOND,
    maxMessages: 100_000,
    maxBytes: 64 * 1024 * 1024,
    maxMessageBytes: 16_384,
    allowDirect: true,
    denyDelete: true,
    denyPurge: true,
    compressed: true,
  },
  keys: {
    account: 'CAL',
    name: 'KV_CAL_KEYS',
    about: 'Issuing keys, sealed.',
    subjects: ['$KV.CAL_KEYS.>'],
    retention: 'limits',
    storage: 'file',
    discard: 'new',
    maxMessagesPerSubject: 8,
    maxBytes: 16 * 1024 * 1024,
    allowDirect: true,
    allowRollup: true,
    denyDelete: true,
    denyPurge: false,
    compressed: false,
  },
  ledger: {
    account: 'LEDGER',
    name: 'CAL_LEDGER',
    about: 'The truth: every batch of records ever committed.',
    subjects: [subjects.ledger],
    retention: 'limits',
    storage: 'file',
    discard: 'new',
    maxMessageBytes: MAX_BATCH_BYTES + 4_096,
    allowDirect: false,
    denyDelete: true,
    denyPurge: true,
    compressed: true,
  },
  snapshots: {
    account: 'LEDGER',
    name: 'CAL_SNAPSHOTS',
    about:
      "Inventory's state now and then, so that a start need not read the whole ledger. Lost, it costs time only.",
    subjects: [subjects.snapshot.all],
    retention: 'limits',
    storage: 'file',
    discard: 'old',
    // A new snapshot takes the place of the oldest, piece by piece: nothing is ever deleted.
    maxMessagesPerSubject: 1,
    maxMessageBytes: 1024 * 1024,
    allowDirect: true,
    denyDelete: true,
    denyPurge: true,
    compressed: true,
  },
  decisions: {
    account: 'LEDGER',
    name: 'CAL_DECISIONS',
    about: 'What each decision saw, so that it can be explained. Lost, it costs explanations only.',
    subjects: [subjects.decisionFacts],
    retention: 'limits',
    storage: 'file',
    discard: 'old',
    maxAgeNs: 30 * 86_400 * SECOND,
    maxBytes: 1024 * 1024 * 1024,
    maxMessageBytes: 1024 * 1024,
    allowDirect: false,
    denyDelete: true,
    denyPurge: true,
    compressed: true,
  },
  leader: {
    account: 'LEDGER',
    name: 'KV_CAL_LEADER',
    about: 'Who leads; a hint for waiting, never a proof.',
    subjects: ['$KV.CAL_LEADER.>'],
    retention: 'limits',
    storage: 'file',
    discard: 'new',
    maxMessagesPerSubject: 1,
    maxBytes: 1024 * 1024,
    allowDirect: false,
    allowRollup: true,
    denyDelete: true,
    denyPurge: false,
    compressed: false,
  },
} as const satisfies Record<string, StreamPlan>;

/** The one consumer of the request queue, shared by every issuer. */
export const requestsConsumer = {
  stream: streams.requests.name,
  name: 'issuers',
  ackWaitNs: 5 * SECOND,
  maxAckPending: 4_096,
} as const;
