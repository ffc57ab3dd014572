// Every message, where it stands, who sends it and who takes it. The AsyncAPI document, the JSON Schemas and the table in
// docs/contracts.md are generated from this list; a test finds a message that is missing in it.

import { inventoryAllocated } from './allocation-messages.ts';
import { deadLetter } from './dead-letter.ts';
import { issuingKeys } from './issuing-keys.ts';
import { leaderHeartbeat } from './leader-heartbeat.ts';
import { liaisonBackup, liaisonRestored } from './liaison-backup-messages.ts';
import {
  liaisonAccepted,
  liaisonAgreements,
  liaisonRefused,
  liaisonStatus,
  liaisonWitness,
} from './liaison-messages.ts';
import { serviceFault } from './service-fault.ts';
import type { z } from 'zod';
import * as carrying from './offline-exchange-messages.ts';
import { clearinghouseAnswer, clearinghouseCommand, keyPackClaims } from './clearinghouse.ts';
import type { Contract } from './envelope.ts';
import { operatorEvent } from './events.ts';
import { inventoryDecisionFacts } from './explain-messages.ts';
import { inventoryCommands, inventoryQueries, recordAnswers } from './inventory-interface.ts';
import { ledgerBatch } from './ledger.ts';
import { liaisonCommands, liaisonQueries } from './liaison-interface.ts';
import { licenseClaims } from './license.ts';
import { subjects, type CommandFamily, type LiaisonCommandName } from './subjects.ts';
import * as terminalServer from './terminal-server-messages.ts';

export const parties = {
  'terminal-server': 'Terminal servers, through the library they embed.',
  issuer: 'Issuers: they answer license requests and sign.',
  inventory: 'Inventory: one replica leads and writes the ledger, all answer queries.',
  'clearinghouse-liaison': "The liaison: this license server's identity, and its road to the Clearinghouse.",
  operator: "The operator's command.",
} as const;
export type Party = keyof typeof parties;

/** How a message travels. */
export const transports = {
  queue: 'JetStream keeps it in the request queue until an issuer has answered it.',
  publish: 'Core NATS: every subscriber receives it.',
  ask: 'Core NATS request; the answer goes to the inbox of the caller.',
  value: "JetStream keeps the last values of the bucket's key.",
  letter: 'JetStream keeps it for 30 days.',
} as const;
export type Transport = keyof typeof transports;

export type Exchange = {
  /** Stable id: the AsyncAPI channel's name. */
  readonly id: string;
  /** The subject; what stands in braces differs from message to message. */
  readonly subject: string;
  readonly transport: Transport;
  readonly from: readonly Party[];
  readonly to: readonly Party[];
  readonly messages: readonly Contract[];
  /** What may come back, where it is a question or a command. */
  readonly answers?: readonly Contract[];
};

const TS = '{terminalServerId}';
const family = (name: CommandFamily): string => subjects.inventory.family(name).replace('*', '{term}');
const refusable = [...recordAnswers, serviceFault];

const inventoryQuery = (
  role: keyof typeof inventoryQueries,
  name: string,
  { query, answer }: { readonly query: Contract; readonly answer: Contract },
): Exchange => ({
  id: `inventory.query.${name}`,
  subject: subjects.inventory.query(role, name),
  transport: 'ask',
  from: [role],
  to: ['inventory'],
  messages: [query],
  answers: [answer, serviceFault],
});
const queriesOf = (role: 'issuer' | 'operator'): Exchange[] =>
  Object.entries(inventoryQueries[role]).map(([name, pair]) => inventoryQuery(role, name, pair));

const liaisonCommand = (name: LiaisonCommandName): Exchange => ({
  id: `liaison.${name}`,
  subject: subjects.liaison.command(name),
  transport: 'ask',
  from: ['operator'],
  to: ['clearinghouse-liaison'],
  messages: [liaisonCommands[name]],
  answers: [liaisonAccepted, liaisonRefused, serviceFault],
});

export const exchanges: readonly Exchange[] = [
  {
    id: 'license.request',
    subject: subjects.license.request(TS),
    transport: 'queue',
    from: ['terminal-server'],
    to: ['issuer'],
    messages: [terminalServer.queuedMessages.request],
  },
  {
    id: 'license.requests',
    subject: subjects.license.requests(TS),
    transport: 'queue',
    from: ['terminal-server'],
    to: ['issuer'],
    messages: [terminalServer.queuedMessages.requests],
  },
  {
    id: 'license.validated',
    subject: subjects.license.validated(TS),
    transport: 'queue',
    from: ['terminal-server'],
    to: ['issuer'],
    messages: [terminalServer.queuedMessages.validated],
  },
  {
    id: 'license.relearn',
    subject: subjects.license.relearn(TS),
    transport: 'queue',
    from: ['terminal-server'],
    to: ['issuer'],
    messages: [terminalServer.queuedMessages.relearn],
  },
  {
    id: 'license.stands',
    subject: subjects.license.stands(TS),
    transport: 'queue',
    from: ['terminal-server'],
    to: ['issuer'],
    messages: [terminalServer.queuedMessages.stands],
  },
  {
    id: 'decision',
    subject: subjects.decision.of(TS, '{requestId}'),
    transport: 'publish',
    from: ['issuer'],
    to: ['terminal-server', 'operator'],
    messages: [terminalServer.licenseDecision, terminalServer.licenseDecisions, terminalServer.licenseFault],
  },
  {
    id: 'trust.request',
    subject: subjects.trust.request(TS),
    transport: 'publish',
    from: ['terminal-server'],
    to: ['issuer'],
    messages: [terminalServer.trustRequest],
  },
  {
    id: 'trust.snapshot',
    subject: subjects.trust.snapshot(TS),
    transport: 'publish',
    from: ['issuer'],
    to: ['terminal-server'],
    messages: [terminalServer.trustSnapshot],
  },
  {
    id: 'trust.changed',
    subject: subjects.trust.changed,
    transport: 'publish',
    from: ['issuer'],
    to: ['terminal-server'],
    messages: [terminalServer.trustChanged],
  },
  {
    id: 'inventory.head',
    subject: subjects.inventory.heartbeat,
    transport: 'publish',
    from: ['inventory'],
    to: ['inventory', 'issuer', 'clearinghouse-liaison', 'operator'],
    messages: [leaderHeartbeat],
  },
  {
    id: 'inventory.allocate',
    subject: family('allocate'),
    transport: 'ask',
    from: ['issuer'],
    to: ['inventory'],
    messages: inventoryCommands.allocate,
    answers: [inventoryAllocated, serviceFault],
  },
  {
    id: 'inventory.activation',
    subject: family('activation'),
    transport: 'ask',
    from: ['clearinghouse-liaison'],
    to: ['inventory'],
    messages: inventoryCommands.activation,
    answers: refusable,
  },
  {
    id: 'inventory.install',
    subject: family('install'),
    transport: 'ask',
    from: ['clearinghouse-liaison'],
    to: ['inventory'],
    messages: inventoryCommands.install,
    answers: refusable,
  },
  {
    id: 'inventory.operate',
    subject: family('operate'),
    transport: 'ask',
    from: ['operator'],
    to: ['inventory'],
    messages: inventoryCommands.operate,
    answers: refusable,
  },
  ...queriesOf('issuer'),
  ...queriesOf('operator'),
  {
    ...inventoryQuery(
      'clearinghouse-liaison',
      'settings',
      inventoryQueries['clearinghouse-liaison'].settings,
    ),
    id: 'inventory.query.settings-for-liaison',
  },
  liaisonCommand('activate'),
  liaisonCommand('install'),
  liaisonCommand('reactivate'),
  liaisonCommand('deactivate'),
  liaisonCommand('recover'),
  liaisonCommand('change-pack'),
  {
    id: 'liaison.restore',
    subject: subjects.liaison.command('restore'),
    transport: 'ask',
    from: ['operator'],
    to: ['clearinghouse-liaison'],
    messages: [liaisonCommands.restore],
    answers: [liaisonRestored, liaisonRefused, serviceFault],
  },
  {
    id: 'liaison.query.backup',
    subject: subjects.liaison.query('operator', 'backup'),
    transport: 'ask',
    from: ['operator'],
    to: ['clearinghouse-liaison'],
    messages: [liaisonQueries.operator.backup],
    answers: [liaisonBackup, serviceFault],
  },
  {
    id: 'liaison.carry',
    subject: subjects.liaison.command('carry'),
    transport: 'ask',
    from: ['operator'],
    to: ['clearinghouse-liaison'],
    messages: [liaisonCommands.carry],
    answers: [carrying.liaisonExported, carrying.liaisonOfflineRefused, serviceFault],
  },
  {
    id: 'liaison.answer',
    subject: subjects.liaison.command('answer'),
    transport: 'ask',
    from: ['operator'],
    to: ['clearinghouse-liaison'],
    messages: [liaisonCommands.answer],
    answers: [carrying.liaisonImported, carrying.liaisonOfflineRefused, serviceFault],
  },
  {
    id: 'liaison.query.status',
    subject: subjects.liaison.query('operator', 'status'),
    transport: 'ask',
    from: ['operator'],
    to: ['clearinghouse-liaison'],
    messages: [liaisonQueries.operator.status],
    answers: [liaisonStatus, serviceFault],
  },
  {
    id: 'liaison.query.agreements',
    subject: subjects.liaison.query('operator', 'agreements'),
    transport: 'ask',
    from: ['operator'],
    to: ['clearinghouse-liaison'],
    messages: [liaisonQueries.operator.agreements],
    answers: [liaisonAgreements, serviceFault],
  },
  {
    id: 'liaison.query.witness',
    subject: subjects.liaison.query('inventory', 'witness'),
    transport: 'ask',
    from: ['inventory'],
    to: ['clearinghouse-liaison'],
    messages: [liaisonQueries.inventory.witness],
    answers: [liaisonWitness, serviceFault],
  },
  {
    id: 'keys.issuing',
    subject: subjects.issuingKeys,
    transport: 'value',
    from: ['clearinghouse-liaison'],
    to: ['issuer', 'clearinghouse-liaison'],
    messages: [issuingKeys],
  },
  {
    id: 'decision-facts',
    subject: subjects.decisionFacts,
    transport: 'letter',
    from: ['inventory'],
    to: ['inventory'],
    messages: [inventoryDecisionFacts],
  },
  {
    id: 'event',
    subject: subjects.event('{name}'),
    transport: 'letter',
    from: ['inventory'],
    to: ['operator'],
    messages: [operatorEvent],
  },
  {
    id: 'dead-letter',
    subject: subjects.dead('{service}'),
    transport: 'letter',
    from: ['issuer', 'inventory', 'clearinghouse-liaison'],
    to: ['operator'],
    messages: [deadLetter],
  },
];

/** Every message there is, once. */
export const contracts: readonly Contract[] = [
  ...new Set(exchanges.flatMap((e) => [...e.messages, ...(e.answers ?? [])])),
];

/** What is written down or signed without an envelope, and must be readable for as long. */
export type Statement = {
  readonly type: string;
  readonly version: number;
  readonly about: string;
  readonly schema: z.ZodType;
  /** Who reads it. */
  readonly to: readonly (Party | 'clearinghouse')[];
};

export const statements: readonly Statement[] = [
  {
    type: 'clearinghouse.command',
    version: 1,
    about: 'What a license server asks of the Clearinghouse; a signed statement over RabbitMQ.',
    schema: clearinghouseCommand,
    to: ['clearinghouse'],
  },
  {
    type: 'clearinghouse.answer',
    version: 1,
    about: 'What the Clearinghouse answers; a signed statement over RabbitMQ.',
    schema: clearinghouseAnswer,
    to: ['clearinghouse-liaison'],
  },
  {
    type: 'clearinghouse.key-pack',
    version: 1,
    about: 'CALs of one version and mode for one license server; a signed statement.',
    schema: keyPackClaims,
    to: ['clearinghouse-liaison', 'inventory'],
  },
  {
    type: 'license.claims',
    version: 1,
    about: 'A license as a device carries it; a signed statement.',
    schema: licenseClaims,
    to: ['terminal-server', 'issuer'],
  },
  {
    type: 'ledger.batch',
    version: 1,
    about: 'One message of the ledger: records that were committed together.',
    schema: ledgerBatch,
    to: ['inventory', 'operator'],
  },
];

/** Who reads a message or a statement of this type: whom a change of it can break. */
export const readersOf = (type: string): readonly string[] => {
  const isIt = (c: { readonly type: string }): boolean => c.type === type;
  const readers = [
    ...exchanges.filter((e) => e.messages.some(isIt)).flatMap((e) => e.to),
    ...exchanges.filter((e) => (e.answers ?? []).some(isIt)).flatMap((e) => e.from),
    ...statements.filter(isIt).flatMap((s) => s.to),
  ];
  return [...new Set<string>(readers)].toSorted();
};
