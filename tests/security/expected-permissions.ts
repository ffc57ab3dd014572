// Every subject there is, as concrete names, and who is meant to use it. Written by hand from what each part is for, and not
// from the permissions, so that a permission that is too wide or missing shows.

import { requestsConsumer, streams } from '@calbus/contracts/streams';
import { inboxOf, allIdentities, terminalServers, type Identity } from './harness.ts';

const q = requestsConsumer;
const streamNames = Object.values(streams).map((s) => s.name);

const streamApi = (s: string): string[] => [
  `$JS.API.STREAM.INFO.${s}`,
  `$JS.API.STREAM.CREATE.${s}`,
  `$JS.API.STREAM.UPDATE.${s}`,
  `$JS.API.STREAM.DELETE.${s}`,
  `$JS.API.STREAM.PURGE.${s}`,
  `$JS.API.STREAM.SNAPSHOT.${s}`,
  `$JS.API.STREAM.RESTORE.${s}`,
  `$JS.API.STREAM.MSG.GET.${s}`,
  `$JS.API.STREAM.MSG.DELETE.${s}`,
  `$JS.API.STREAM.LEADER.STEPDOWN.${s}`,
  `$JS.API.STREAM.PEER.REMOVE.${s}`,
  `$JS.API.DIRECT.GET.${s}`,
  `$JS.API.DIRECT.GET.${s}.x`,
  `$JS.API.CONSUMER.CREATE.${s}`,
  `$JS.API.CONSUMER.CREATE.${s}.c1`,
  `$JS.API.CONSUMER.CREATE.${s}.c1.filter`,
  `$JS.API.CONSUMER.CREATE.${s}.${q.name}`,
  `$JS.API.CONSUMER.DURABLE.CREATE.${s}.c1`,
  `$JS.API.CONSUMER.DURABLE.CREATE.${s}.${q.name}`,
  `$JS.API.CONSUMER.DELETE.${s}.c1`,
  `$JS.API.CONSUMER.DELETE.${s}.${q.name}`,
  `$JS.API.CONSUMER.INFO.${s}.c1`,
  `$JS.API.CONSUMER.INFO.${s}.${q.name}`,
  `$JS.API.CONSUMER.MSG.NEXT.${s}.c1`,
  `$JS.API.CONSUMER.MSG.NEXT.${s}.${q.name}`,
  `$JS.API.CONSUMER.UNPIN.${s}.${q.name}`,
  `$JS.API.CONSUMER.PAUSE.${s}.${q.name}`,
  `$JS.API.CONSUMER.LEADER.STEPDOWN.${s}.${q.name}`,
  `$JS.API.CONSUMER.LIST.${s}`,
  `$JS.API.CONSUMER.NAMES.${s}`,
  `$JS.ACK.${s}.${q.name}.1.1.1.1.0`,
  `$JS.SNAPSHOT.ACK.${s}.x`,
  `$JS.FC.${s}.x`,
];

const services = ['issuer', 'inventory', 'clearinghouse-liaison', 'cli'] as const;

const liaisonCommands = [
  'activate',
  'install',
  'reactivate',
  'deactivate',
  'recover',
  'change-pack',
  'restore',
  'carry',
  'answer',
].map((name) => `cal.v1.liaison.command.${name}`);
const liaisonQueries = ['status', 'agreements', 'backup'].map(
  (name) => `cal.v1.liaison.query.operator.${name}`,
);
const operatorQueries = ['settings', 'packs', 'licenses', 'terminal-servers', 'ledger', 'explain'].map(
  (name) => `cal.v1.inventory.query.operator.${name}`,
);

const calbus = [
  ...terminalServers.flatMap((ts) => [
    `cal.v1.license.request.${ts}`,
    `cal.v1.license.requests.${ts}`,
    `cal.v1.license.validated.${ts}`,
    `cal.v1.license.relearn.${ts}`,
    `cal.v1.license.stands.${ts}`,
    `cal.v1.decision.${ts}.r1`,
    `cal.v1.trust.request.${ts}`,
    `cal.v1.trust.snapshot.${ts}`,
  ]),
  'cal.v1.trust.changed',
  ...['allocate', 'activation', 'install', 'operate'].map((family) => `cal.v1.inventory.${family}.1`),
  ...['issuer', 'operator', 'clearinghouse-liaison'].map((role) => `cal.v1.inventory.query.${role}.status`),
  'cal.v1.inventory.head',
  ...liaisonCommands,
  ...operatorQueries,
  ...liaisonQueries,
  'cal.v1.inventory.query.issuer.trust',
  'cal.v1.inventory.query.clearinghouse-liaison.settings',
  'cal.v1.liaison.query.issuer.status',
  'cal.v1.liaison.query.inventory.witness',
  ...services.map((service) => `cal.v1.dead.${service}`),
  'cal.v1.event.LOW_STOCK',
  'cal.v1.ledger',
  'cal.v1.decision-facts',
  'cal.v1.snapshot.0',
  'cal.v1.snapshot.0.0',
  'cal.v1.something.new',
];

const keys = ['$KV.CAL_LEADER.leader', '$KV.CAL_KEYS.issuing'];
const inboxes = allIdentities.map((who) => `${inboxOf(who)}.reply1`);

const servers = [
  '_INBOX.reply1',
  '_R_.reply1',
  '$JS.API.INFO',
  '$JS.API.STREAM.LIST',
  '$JS.API.STREAM.NAMES',
  '$JS.API.STREAM.CREATE.OTHER',
  '$JS.API.ACCOUNT.PURGE.CAL',
  '$JS.API.META.LEADER.STEPDOWN',
  '$JS.API.SERVER.REMOVE',
  '$JS.API.ACCOUNT.STREAM.MOVE.CAL.CAL_REQUESTS',
  '$JS.API.ACCOUNT.STREAM.CANCEL_MOVE.CAL.CAL_REQUESTS',
  '$JS.API.STREAM.TEMPLATE.CREATE.OTHER',
  '$JS.hub.API.STREAM.DELETE.CAL_LEDGER',
  '$JSC.R.x',
  '$NRG.V.x',
  '$NRG.AE.x',
  '$O.CAL_SNAPSHOTS.C.x',
  '$O.CAL_SNAPSHOTS.M.x',
  '$KV.CAL_SETTINGS.x',
  '$JS.EVENT.ADVISORY.STREAM.DELETED.CAL_LEDGER',
  '$SYS.REQ.USER.INFO',
  '$SYS.REQ.SERVER.PING',
  '$SYS.REQ.ACCOUNT.PING.CONNZ',
  ...['TS', 'CAL', 'LEDGER', 'SYS'].flatMap((account) =>
    ['CONNZ', 'SUBSZ', 'JSZ', 'INFO', 'CONNS', 'CLAIMS.UPDATE'].map(
      (what) => `$SYS.REQ.ACCOUNT.${account}.${what}`,
    ),
  ),
  ...['N1', 'PING'].flatMap((server) =>
    [
      'RELOAD',
      'KICK',
      'LDM',
      'VARZ',
      'CONNZ',
      'SUBSZ',
      'JSZ',
      'ACCOUNTZ',
      'HEALTHZ',
      'PROFILEZ',
      'STATSZ',
    ].map((what) => `$SYS.REQ.SERVER.${server}.${what}`),
  ),
  '$SYS.REQ.CLAIMS.UPDATE',
  '$SYS.REQ.CLAIMS.DELETE',
  '$SYS.REQ.USER.AUTH',
  '$SYS.ACCOUNT.CAL.CONNECT',
  '$SYS.ACCOUNT.TS.DISCONNECT',
  '$SYS.SERVER.N1.STATSZ',
  '$SYS.SERVER.N1.CLIENT.AUTH.ERR',
  'something.else',
];

const discovery = (service: string): string[] =>
  ['PING', 'INFO', 'STATS'].flatMap((verb) => [
    `$SRV.${verb}`,
    `$SRV.${verb}.${service}`,
    `$SRV.${verb}.${service}.id1`,
  ]);
const everyDiscovery = [
  ...new Set(['issuer', 'inventory', 'clearinghouse-liaison', 'stranger'].flatMap(discovery)),
];
/** As a service subscribes to be asked: also with whatever id it has. */
const discovered = (service: string): string[] => [
  ...discovery(service),
  ...['PING', 'INFO', 'STATS'].map((verb) => `$SRV.${verb}.${service}.*`),
];

/** Everything an identity could publish. */
export const allSubjects: readonly string[] = [
  ...calbus,
  ...keys,
  ...inboxes,
  ...servers,
  ...everyDiscovery,
  '$SRV.CONTROL.issuer',
  ...streamNames.flatMap(streamApi),
];

/** Everything an identity could subscribe to. */
export const allSubscriptions: readonly string[] = [
  ...allSubjects,
  '>',
  'cal.>',
  'cal.v1.>',
  'cal.v1.license.>',
  'cal.v1.license.*.*',
  'cal.v1.decision.>',
  'cal.v1.decision.*.*',
  'cal.v1.trust.>',
  'cal.v1.trust.request.*',
  'cal.v1.trust.snapshot.*',
  'cal.v1.inventory.>',
  'cal.v1.inventory.*.*',
  'cal.v1.inventory.allocate.*',
  'cal.v1.inventory.query.*.*',
  'cal.v1.liaison.>',
  'cal.v1.liaison.command.*',
  'cal.v1.dead.*',
  'cal.v1.event.*',
  'cal.v1.snapshot.>',
  '_INBOX.>',
  '*.>',
  ...allIdentities.flatMap((who) => [`${inboxOf(who)}.>`, `${inboxOf(who)}.*`]),
  '_R_.>',
  '$KV.>',
  '$KV.CAL_KEYS.>',
  '$KV.CAL_LEADER.>',
  '$JS.>',
  '$JS.API.>',
  '$JS.ACK.>',
  '$JS.EVENT.>',
  '$JS.FC.>',
  '$O.>',
  '$NRG.>',
  '$SYS.>',
  '$SRV.>',
  '$SRV.PING.>',
  '$SRV.PING.*',
  ...['issuer', 'inventory', 'clearinghouse-liaison'].flatMap((service) =>
    ['PING', 'INFO', 'STATS'].map((verb) => `$SRV.${verb}.${service}.*`),
  ),
];

const keysRead = ['$JS.API.STREAM.INFO.KV_CAL_KEYS', '$JS.API.DIRECT.GET.KV_CAL_KEYS.x'];
const provisions = (names: readonly string[]): string[] =>
  names.flatMap((s) => ['INFO', 'CREATE', 'UPDATE'].map((verb) => `$JS.API.STREAM.${verb}.${s}`));
const own = (who: Identity): string[] => [`${inboxOf(who)}.reply1`, `${inboxOf(who)}.>`, `${inboxOf(who)}.*`];

/** What each may publish, of `everySubject`; everything else must be refused. */
export const mayPublish: Readonly<Record<Identity, readonly string[]>> = {
  ts1: [
    'cal.v1.license.request.ts1',
    'cal.v1.license.requests.ts1',
    'cal.v1.license.validated.ts1',
    'cal.v1.license.relearn.ts1',
    'cal.v1.license.stands.ts1',
    'cal.v1.trust.request.ts1',
  ],
  ts2: [
    'cal.v1.license.request.ts2',
    'cal.v1.license.requests.ts2',
    'cal.v1.license.validated.ts2',
    'cal.v1.license.relearn.ts2',
    'cal.v1.license.stands.ts2',
    'cal.v1.trust.request.ts2',
  ],
  issuer: [
    'cal.v1.decision.ts1.r1',
    'cal.v1.decision.ts2.r1',
    'cal.v1.trust.snapshot.ts1',
    'cal.v1.trust.snapshot.ts2',
    'cal.v1.trust.changed',
    'cal.v1.dead.issuer',
    'cal.v1.inventory.allocate.1',
    'cal.v1.inventory.query.issuer.status',
    'cal.v1.inventory.query.issuer.trust',
    '$JS.API.CONSUMER.INFO.CAL_REQUESTS.issuers',
    '$JS.API.CONSUMER.MSG.NEXT.CAL_REQUESTS.issuers',
    '$JS.ACK.CAL_REQUESTS.issuers.1.1.1.1.0',
    ...keysRead,
    `${inboxOf('operator')}.reply1`,
    `${inboxOf('observer')}.reply1`,
  ],
  inventory: [
    'cal.v1.inventory.head',
    'cal.v1.dead.inventory',
    'cal.v1.event.LOW_STOCK',
    'cal.v1.liaison.query.inventory.witness',
    '$JS.API.STREAM.INFO.CAL_REQUESTS',
    '$JS.API.STREAM.CREATE.CAL_REQUESTS',
    '$JS.API.CONSUMER.INFO.CAL_REQUESTS.issuers',
    '$JS.API.CONSUMER.CREATE.CAL_REQUESTS.issuers',
    ...(['issuer', 'clearinghouse-liaison', 'operator', 'observer'] as const).map(
      (who) => `${inboxOf(who)}.reply1`,
    ),
  ],
  'inventory-ledger': [
    'cal.v1.ledger',
    'cal.v1.decision-facts',
    'cal.v1.snapshot.0',
    'cal.v1.snapshot.0.0',
    '$JS.API.STREAM.MSG.GET.CAL_SNAPSHOTS',
    '$JS.API.DIRECT.GET.CAL_SNAPSHOTS.x',
    '$KV.CAL_LEADER.leader',
    '$JS.API.STREAM.INFO.CAL_LEDGER',
    '$JS.API.STREAM.MSG.GET.CAL_LEDGER',
    '$JS.API.CONSUMER.CREATE.CAL_LEDGER.c1',
    '$JS.API.CONSUMER.CREATE.CAL_LEDGER.c1.filter',
    '$JS.API.CONSUMER.CREATE.CAL_LEDGER.issuers',
    '$JS.API.CONSUMER.INFO.CAL_LEDGER.c1',
    '$JS.API.CONSUMER.INFO.CAL_LEDGER.issuers',
    '$JS.API.CONSUMER.DELETE.CAL_LEDGER.c1',
    '$JS.API.CONSUMER.DELETE.CAL_LEDGER.issuers',
    '$JS.API.CONSUMER.MSG.NEXT.CAL_LEDGER.c1',
    '$JS.API.CONSUMER.MSG.NEXT.CAL_LEDGER.issuers',
    '$JS.API.STREAM.INFO.CAL_DECISIONS',
    '$JS.API.CONSUMER.CREATE.CAL_DECISIONS.c1',
    '$JS.API.CONSUMER.CREATE.CAL_DECISIONS.c1.filter',
    '$JS.API.CONSUMER.CREATE.CAL_DECISIONS.issuers',
    '$JS.API.CONSUMER.INFO.CAL_DECISIONS.c1',
    '$JS.API.CONSUMER.INFO.CAL_DECISIONS.issuers',
    '$JS.API.CONSUMER.DELETE.CAL_DECISIONS.c1',
    '$JS.API.CONSUMER.DELETE.CAL_DECISIONS.issuers',
    '$JS.API.CONSUMER.MSG.NEXT.CAL_DECISIONS.c1',
    '$JS.API.CONSUMER.MSG.NEXT.CAL_DECISIONS.issuers',
    '$JS.API.STREAM.INFO.KV_CAL_LEADER',
    '$JS.API.STREAM.CREATE.KV_CAL_LEADER',
    '$JS.API.STREAM.MSG.GET.KV_CAL_LEADER',
  ],
  'clearinghouse-liaison': [
    'cal.v1.inventory.activation.1',
    'cal.v1.inventory.install.1',
    'cal.v1.inventory.query.clearinghouse-liaison.status',
    'cal.v1.inventory.query.clearinghouse-liaison.settings',
    'cal.v1.dead.clearinghouse-liaison',
    '$KV.CAL_KEYS.issuing',
    `${inboxOf('operator')}.reply1`,
    `${inboxOf('observer')}.reply1`,
    `${inboxOf('inventory')}.reply1`,
    ...keysRead,
  ],
  operator: [
    'cal.v1.inventory.operate.1',
    'cal.v1.inventory.query.operator.status',
    ...operatorQueries,
    ...liaisonCommands,
    ...liaisonQueries,
    '$JS.API.STREAM.INFO.CAL_REQUESTS',
    '$JS.API.CONSUMER.INFO.CAL_REQUESTS.issuers',
    '$JS.API.STREAM.INFO.CAL_DEAD_LETTERS',
    '$JS.API.STREAM.MSG.GET.CAL_DEAD_LETTERS',
    '$JS.API.STREAM.INFO.CAL_EVENTS',
    '$JS.API.STREAM.MSG.GET.CAL_EVENTS',
    ...everyDiscovery,
  ],
  observer: [
    'cal.v1.inventory.query.operator.status',
    ...operatorQueries,
    ...liaisonQueries,
    '$JS.API.CONSUMER.INFO.CAL_REQUESTS.issuers',
    '$JS.API.STREAM.INFO.CAL_DEAD_LETTERS',
    ...everyDiscovery,
  ],
  provisioner: [
    ...provisions(['CAL_REQUESTS', 'CAL_DEAD_LETTERS', 'CAL_EVENTS', 'KV_CAL_KEYS']),
    '$JS.API.CONSUMER.INFO.CAL_REQUESTS.issuers',
    '$JS.API.CONSUMER.CREATE.CAL_REQUESTS.issuers',
  ],
  registrar: [
    '$SYS.REQ.SERVER.PING',
    '$SYS.REQ.ACCOUNT.TS.CONNZ',
    '$SYS.REQ.SERVER.N1.RELOAD',
    '$SYS.REQ.SERVER.PING.RELOAD',
  ],
  'provisioner-ledger': provisions(['CAL_LEDGER', 'CAL_SNAPSHOTS', 'CAL_DECISIONS', 'KV_CAL_LEADER']),
};

/** What each may subscribe to, of `everySubscription`, beside its own inbox. */
const mayHear: Readonly<Record<Identity, readonly string[]>> = {
  ts1: ['cal.v1.decision.ts1.r1', 'cal.v1.trust.snapshot.ts1', 'cal.v1.trust.changed'],
  ts2: ['cal.v1.decision.ts2.r1', 'cal.v1.trust.snapshot.ts2', 'cal.v1.trust.changed'],
  issuer: [
    'cal.v1.inventory.head',
    'cal.v1.trust.request.*',
    'cal.v1.trust.request.ts1',
    'cal.v1.trust.request.ts2',
    ...discovered('issuer'),
  ],
  inventory: [
    'cal.v1.inventory.head',
    ...discovered('inventory'),
    ...['allocate', 'activation', 'install', 'operate'].map((family) => `cal.v1.inventory.${family}.1`),
    ...['issuer', 'operator', 'clearinghouse-liaison', '*'].map(
      (role) => `cal.v1.inventory.query.${role}.${role === '*' ? '*' : 'status'}`,
    ),
    'cal.v1.inventory.allocate.*',
    ...operatorQueries,
    'cal.v1.inventory.query.issuer.trust',
    'cal.v1.inventory.query.clearinghouse-liaison.settings',
  ],
  'inventory-ledger': [],
  'clearinghouse-liaison': [
    'cal.v1.inventory.head',
    ...liaisonCommands,
    'cal.v1.liaison.command.*',
    ...liaisonQueries,
    'cal.v1.liaison.query.inventory.witness',
    ...discovered('clearinghouse-liaison'),
  ],
  operator: [
    'cal.v1.inventory.head',
    'cal.v1.decision.ts1.r1',
    'cal.v1.decision.ts2.r1',
    'cal.v1.decision.*.*',
    'cal.v1.event.LOW_STOCK',
    'cal.v1.event.*',
  ],
  observer: ['cal.v1.inventory.head', 'cal.v1.event.LOW_STOCK', 'cal.v1.event.*'],
  provisioner: [],
  'provisioner-ledger': [],
  registrar: [],
};

export const maySubscribe = (who: Identity): readonly string[] => [...own(who), ...mayHear[who]];
