// Who may connect to NATS, and which subjects are theirs. The server's configuration is rendered from this
// table, so that it cannot drift from the messages.
//
// Three accounts. TS: terminal servers, which reach only what CAL exports. CAL: the services. LEDGER: the
// ledger and the leader's key, where only inventory's second connection lives: inside one account a
// caller can choose a reply subject it may not publish to, so no service that answers requests shares an account with the ledger.
// SYS is the servers' own account. Only the registrar lives there: it admits terminal servers.

import { requestsConsumer, streams, type Account, type StreamPlan } from './streams.ts';
import { subjects } from './subjects.ts';

export type Permissions = {
  readonly account: Account;
  /** Replies to this identity arrive under `<inbox>.>`; no other identity may subscribe there. */
  readonly inbox: string;
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
};

const keysRead = [
  `$JS.API.STREAM.INFO.${streams.keys.name}`,
  `$JS.API.DIRECT.GET.${streams.keys.name}.>`,
] as const;

const provision = (plans: readonly StreamPlan[]): string[] =>
  plans.flatMap(({ name }) => [
    `$JS.API.STREAM.INFO.${name}`,
    `$JS.API.STREAM.CREATE.${name}`,
    `$JS.API.STREAM.UPDATE.${name}`,
  ]);

const plansOf = (account: Account): StreamPlan[] =>
  Object.values(streams).filter((s) => s.account === account);

export const inboxes = {
  issuer: '_INBOX_issuer',
  inventory: '_INBOX_inventory',
  'inventory-ledger': '_INBOX_inventory_ledger',
  'clearinghouse-liaison': '_INBOX_liaison',
  operator: '_INBOX_operator',
  observer: '_INBOX_observer',
  provisioner: '_INBOX_provisioner',
  'provisioner-ledger': '_INBOX_provisioner_ledger',
  registrar: '_INBOX_registrar',
} as const;

/** NATS' service discovery ($SRV): how a service is asked whether it is there, what it is, and how often it was asked. */
const discoveryVerbs = ['PING', 'INFO', 'STATS'] as const;

/** Everybody is asked, all of one name, or one. */
const discoveryOf = (service: string): string[] =>
  discoveryVerbs.flatMap((verb) => [`$SRV.${verb}`, `$SRV.${verb}.${service}`, `$SRV.${verb}.${service}.*`]);

const discovers = discoveryVerbs.flatMap((verb) => [`$SRV.${verb}`, `$SRV.${verb}.>`]);

/** Those to whom services answer it. */
const discoverers = [`${inboxes.operator}.>`, `${inboxes.observer}.>`] as const;

export const identities = {
  issuer: {
    account: 'CAL',
    inbox: inboxes.issuer,
    publish: [
      subjects.decision.all,
      subjects.trust.snapshots,
      subjects.trust.changed,
      subjects.dead('issuer'),
      subjects.inventory.family('allocate'),
      subjects.inventory.query('issuer', '*'),
      `$JS.API.CONSUMER.INFO.${requestsConsumer.stream}.${requestsConsumer.name}`,
      `$JS.API.CONSUMER.MSG.NEXT.${requestsConsumer.stream}.${requestsConsumer.name}`,
      `$JS.ACK.${requestsConsumer.stream}.${requestsConsumer.name}.>`,
      ...keysRead,
      ...discoverers,
    ],
    subscribe: [subjects.inventory.heartbeat, subjects.trust.requests, ...discoveryOf('issuer')],
  },
  inventory: {
    account: 'CAL',
    inbox: inboxes.inventory,
    publish: [
      subjects.inventory.heartbeat,
      subjects.dead('inventory'),
      subjects.events,
      subjects.liaison.query('inventory', '*'),
      // The request queue lives in memory; a NATS server that was restarted has it no more.
      `$JS.API.STREAM.INFO.${streams.requests.name}`,
      `$JS.API.STREAM.CREATE.${streams.requests.name}`,
      `$JS.API.CONSUMER.INFO.${requestsConsumer.stream}.${requestsConsumer.name}`,
      `$JS.API.CONSUMER.CREATE.${requestsConsumer.stream}.${requestsConsumer.name}`,
      `${inboxes.issuer}.>`,
      `${inboxes['clearinghouse-liaison']}.>`,
      ...discoverers,
    ],
    subscribe: [
      subjects.inventory.heartbeat,
      subjects.inventory.family('allocate'),
      subjects.inventory.family('activation'),
      subjects.inventory.family('install'),
      subjects.inventory.family('operate'),
      subjects.inventory.queries,
      ...discoveryOf('inventory'),
    ],
  },
  'inventory-ledger': {
    account: 'LEDGER',
    inbox: inboxes['inventory-ledger'],
    publish: [
      subjects.ledger,
      '$KV.CAL_LEADER.>',
      `$JS.API.STREAM.INFO.${streams.ledger.name}`,
      `$JS.API.STREAM.MSG.GET.${streams.ledger.name}`,
      `$JS.API.CONSUMER.CREATE.${streams.ledger.name}.>`,
      `$JS.API.CONSUMER.INFO.${streams.ledger.name}.*`,
      `$JS.API.CONSUMER.DELETE.${streams.ledger.name}.*`,
      `$JS.API.CONSUMER.MSG.NEXT.${streams.ledger.name}.*`,
      subjects.snapshot.all,
      `$JS.API.STREAM.MSG.GET.${streams.snapshots.name}`,
      `$JS.API.DIRECT.GET.${streams.snapshots.name}.>`,
      subjects.decisionFacts,
      `$JS.API.STREAM.INFO.${streams.decisions.name}`,
      `$JS.API.CONSUMER.CREATE.${streams.decisions.name}.>`,
      `$JS.API.CONSUMER.INFO.${streams.decisions.name}.*`,
      `$JS.API.CONSUMER.DELETE.${streams.decisions.name}.*`,
      `$JS.API.CONSUMER.MSG.NEXT.${streams.decisions.name}.*`,
      `$JS.API.STREAM.INFO.${streams.leader.name}`,
      `$JS.API.STREAM.CREATE.${streams.leader.name}`,
      `$JS.API.STREAM.MSG.GET.${streams.leader.name}`,
    ],
    subscribe: [],
  },
  'clearinghouse-liaison': {
    account: 'CAL',
    inbox: inboxes['clearinghouse-liaison'],
    publish: [
      subjects.inventory.family('activation'),
      subjects.inventory.family('install'),
      subjects.inventory.query('clearinghouse-liaison', '*'),
      subjects.dead('clearinghouse-liaison'),
      '$KV.CAL_KEYS.>',
      ...keysRead,
      ...discoverers,
      `${inboxes.inventory}.>`,
    ],
    subscribe: [
      subjects.inventory.heartbeat,
      subjects.liaison.commands,
      subjects.liaison.query('operator', '*'),
      subjects.liaison.query('inventory', '*'),
      ...discoveryOf('clearinghouse-liaison'),
    ],
  },
  operator: {
    account: 'CAL',
    inbox: inboxes.operator,
    publish: [
      subjects.inventory.family('operate'),
      subjects.inventory.query('operator', '*'),
      subjects.liaison.commands,
      subjects.liaison.query('operator', '*'),
      `$JS.API.STREAM.INFO.${streams.requests.name}`,
      `$JS.API.CONSUMER.INFO.${requestsConsumer.stream}.${requestsConsumer.name}`,
      `$JS.API.STREAM.INFO.${streams.deadLetters.name}`,
      `$JS.API.STREAM.MSG.GET.${streams.deadLetters.name}`,
      `$JS.API.STREAM.INFO.${streams.events.name}`,
      `$JS.API.STREAM.MSG.GET.${streams.events.name}`,
      ...discovers,
    ],
    subscribe: [subjects.inventory.heartbeat, subjects.decision.all, subjects.events],
  },
  /** Reads and commands nothing: enough for `calbus diagnose`, `status`, lists and reports. It never sees a license itself. */
  observer: {
    account: 'CAL',
    inbox: inboxes.observer,
    publish: [
      subjects.inventory.query('operator', '*'),
      subjects.liaison.query('operator', '*'),
      `$JS.API.CONSUMER.INFO.${requestsConsumer.stream}.${requestsConsumer.name}`,
      `$JS.API.STREAM.INFO.${streams.deadLetters.name}`,
      ...discovers,
    ],
    subscribe: [subjects.inventory.heartbeat, subjects.events],
  },
  provisioner: {
    account: 'CAL',
    inbox: inboxes.provisioner,
    publish: [
      ...provision(plansOf('CAL')),
      `$JS.API.CONSUMER.INFO.${requestsConsumer.stream}.${requestsConsumer.name}`,
      `$JS.API.CONSUMER.CREATE.${requestsConsumer.stream}.${requestsConsumer.name}`,
    ],
    subscribe: [],
  },
  'provisioner-ledger': {
    account: 'LEDGER',
    inbox: inboxes['provisioner-ledger'],
    publish: provision(plansOf('LEDGER')),
    subscribe: [],
  },
  /** `calbus terminal-server`: which nodes there are, who of account TS is connected, and that a node is to read its configuration again. */
  registrar: {
    account: 'SYS',
    inbox: inboxes.registrar,
    publish: ['$SYS.REQ.SERVER.PING', '$SYS.REQ.ACCOUNT.TS.CONNZ', '$SYS.REQ.SERVER.*.RELOAD'],
    subscribe: [],
  },
} as const satisfies Record<string, Permissions>;

export type Role = keyof typeof identities;
export const roles = Object.keys(identities) as Role[];

export const terminalServerInbox = (terminalServerId: string): string => `_INBOX_ts_${terminalServerId}`;

/** A terminal server publishes its own requests and hears its own decisions, and nothing else. */
export const terminalServerPermissions = (terminalServerId: string): Permissions => ({
  account: 'TS',
  inbox: terminalServerInbox(terminalServerId),
  publish: [subjects.license.of(terminalServerId), subjects.trust.request(terminalServerId)],
  subscribe: [
    subjects.decision.to(terminalServerId),
    subjects.trust.snapshot(terminalServerId),
    subjects.trust.changed,
  ],
});

/** What account CAL offers to account TS. */
export const exportsToTerminalServers = {
  /** TS publishes, CAL receives; the answer to the publisher is JetStream's "queued". */
  services: [subjects.license.all, subjects.trust.requests],
  /** CAL publishes, TS receives. */
  streams: [subjects.decision.all, subjects.trust.snapshots, subjects.trust.changed],
} as const;
