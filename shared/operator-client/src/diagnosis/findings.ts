// All findings of the diagnosis as a table, worst first within each severity. `when` names what a finding is about, or returns nothing.

import { DAY_MS } from '@calbus/contracts/durations';
import { events } from '@calbus/contracts/events';
import { refusals } from '@calbus/contracts/refusals';
import { lossReasons } from '@calbus/contracts/witness';
import {
  leaderOf,
  lowPools,
  withStockVerdict,
  type Observation,
  type TransientProblem,
  type Replica,
} from './observation.ts';
import { day } from '../text.ts';
import { graceEnds, graceOver, ofLaterVersion, withoutMode } from './terminal-server-status.ts';

/** `stops`: a client that should get a license does not. `warns`: that will happen, or another part has a problem. */
export const severities = ['stops', 'warns', 'note'] as const;
export type Severity = (typeof severities)[number];

type Row = {
  readonly id: string;
  readonly severity: Severity;
  readonly when: (o: Observation) => readonly string[];
  readonly says: string;
  readonly todo: string;
};

export type Finding = {
  readonly severity: Severity;
  readonly code: string;
  readonly about: string;
  readonly says: string;
  readonly todo: string;
};

const CERTIFICATE_WARNING_MS = 30 * DAY_MS;

type System = NonNullable<Observation['system']>;
const system =
  (of: (s: System, o: Observation) => readonly string[]): Row['when'] =>
  (o) =>
    o.system ? of(o.system, o) : [];
const replicas = (of: (r: Replica) => readonly string[]): Row['when'] =>
  system((s) => s.replicas.flatMap((r) => of(r).map((about) => `replica ${r.replica}${about}`)));
const leader = (of: (r: Replica, o: Observation) => readonly string[]): Row['when'] =>
  system((s, o) => {
    const leads = leaderOf(s);
    return leads ? of(leads, o) : [];
  });
const lasting = (problem: TransientProblem, about: (s: System) => string): Row['when'] =>
  system((s) => (s.lasting.includes(problem) ? [about(s)] : []));
const when = (is: boolean | null | undefined, about: string): string[] => (is ? [about] : []);
const sameAs = ({ says, todo }: { says: string; todo: string }): { says: string; todo: string } => ({
  says,
  todo,
});

const certificate = (of: (leftMs: number) => boolean): Row['when'] =>
  leader(({ activation }, { now }) => {
    const ends = activation?.certificateNotAfter;
    return ends !== undefined && of(ends - now) ? [`certificate until ${day(ends)}`] : [];
  });

const outsideGroup = system(({ settings }, { terminalServer: ts }) => {
  const group = settings?.securityGroup;
  if (!group) return [];
  if (ts) return when(!group.includes(ts.id), `terminal server ${ts.id}`);
  return when(group.length === 0, 'every terminal server');
});

const notRead = system((s) =>
  s.replicas.length === 0
    ? []
    : [
        ...when(s.packs === null, 'key packs'),
        ...when(s.settings === null, 'settings'),
        ...when(s.deadLetters === null, 'dead letters'),
        ...when(s.terminalServers === null, 'terminal servers'),
        ...when(s.terminalServers?.more, 'terminal servers beyond the first 1000'),
      ],
);

// prettier-ignore
export const rows: readonly Row[] = [
  { id: 'NO_NATS', severity: 'stops', when: (o) => when(o.system === null, o.natsUrl), says: "NATS does not answer, or does not take the operator's identity.", todo: 'Start nats-server, or check the address and the seed in the profile.' },
  { id: 'NO_INVENTORY', severity: 'stops', when: system((s) => when(s.replicas.length === 0, 'the license server')), says: 'No inventory replica answers.', todo: 'Start inventory, or read its log.' },
  { id: 'LEDGER_LOST', severity: 'stops', when: replicas((r) => (r.loss?.evidence ?? []).slice(0, 1).map((e) => `, by what ${e.from} has seen: ${lossReasons[e.why]}`)), says: 'Something of the ledger is lost, so that nothing is issued.', todo: 'Put the NATS store back, or see calbus ledger accept-loss.' },
  { id: 'NO_LEADER', severity: 'stops', when: lasting('no-leader', (s) => `${s.replicas.length} replicas`), says: 'Inventory answers, and no replica leads for seconds.', todo: "Read inventory's logs; calbus status shows each replica." },
  { id: 'NO_QUEUE', severity: 'stops', when: system((s) => when(s.queue === null, 'CAL_REQUESTS')), says: 'The queue of requests cannot be read.', todo: 'Inventory creates it again: check that it runs, and read its log.' },
  { id: 'NO_ISSUER', severity: 'stops', when: lasting('no-issuer', (s) => `${s.queue?.waiting ?? 0} requests waiting`), says: 'No issuer takes requests from the queue for seconds.', todo: 'Start an issuer, or read its log.' },
  { id: 'ISSUING_KEY_ENDED', severity: 'stops', when: system((s, o) => when(s.liaison && (s.liaison.issuingKey?.notAfter ?? 0) <= o.now, 'the issuing key')), says: 'No issuing key is in date, so that no license can be signed.', todo: "Read the liaison's log; it makes a key by itself." },
  { id: 'MODE_NOT_CONFIGURED', severity: 'stops', when: withoutMode, ...sameAs(refusals.MODE_NOT_CONFIGURED) },
  { id: 'SERVER_TOO_OLD', severity: 'stops', when: ofLaterVersion, ...sameAs(refusals.SERVER_TOO_OLD) },
  { id: 'TERMINAL_SERVER_NOT_IN_GROUP', severity: 'stops', when: outsideGroup, ...sameAs(refusals.TERMINAL_SERVER_NOT_IN_GROUP) },
  { id: 'RESTORED', severity: 'stops', when: leader((r) => when(r.restored, 'the license server')), says: 'It was restored from a backup: temporary licenses only, and no renewals.', todo: 'Activate it again: calbus reactivate --reason redeployed.' },
  { id: 'SUPERSEDED', severity: 'stops', when: system((s) => when(s.liaison?.superseded, 'the license server')), says: 'The Clearinghouse has given a later epoch to another copy of this license server.', todo: 'Stop this one; if it is the one that is to stay: calbus reactivate --reason redeployed.' },
  { id: 'LEDGER_FORGOT', severity: 'stops', when: leader((r, o) => when(r.activation === null && Boolean(o.system?.liaison?.activation), 'the license server')), says: 'The liaison is activated, and the ledger has no activation: temporary licenses only.', todo: 'calbus reactivate --reason redeployed, then calbus recover for each agreement.' },
  { id: 'LIAISON_FORGOT', severity: 'stops', when: leader((r, o) => when(r.activation && o.system?.liaison?.activation === null, 'the license server')), says: 'The ledger knows of an activation, and the liaison of none: licenses cannot be signed for this license server.', todo: 'calbus reactivate --reason redeployed --server-id, then calbus recover for each agreement.' },
  { id: 'NOT_ACTIVATED', severity: 'stops', when: leader((r, o) => when(r.activation === null && !o.system?.liaison?.activation, 'the license server')), ...sameAs(refusals.NOT_ACTIVATED) },
  { id: 'CERTIFICATE_EXPIRED', severity: 'stops', when: certificate((left) => left <= 0), says: 'The certificate of the license server has ended: temporary licenses only.', todo: 'Activate the license server again: calbus reactivate --reason certificate-expired.' },
  { id: 'NOTHING_INSTALLED_FOR_PRODUCT', severity: 'stops', when: (o) => withStockVerdict(o, 'nothing-installed'), ...sameAs(refusals.NOTHING_INSTALLED_FOR_PRODUCT) },
  { id: 'WRONG_MODE', severity: 'stops', when: (o) => withStockVerdict(o, 'wrong-mode'), ...sameAs(refusals.WRONG_MODE) },
  { id: 'UPGRADE_PREVENTED', severity: 'stops', when: (o) => withStockVerdict(o, 'upgrade-prevented'), ...sameAs(refusals.UPGRADE_PREVENTED) },
  { id: 'NO_LICENSE_AVAILABLE', severity: 'stops', when: (o) => withStockVerdict(o, 'none-free'), ...sameAs(refusals.NO_LICENSE_AVAILABLE) },
  { id: 'STORAGE_NEARLY_FULL', severity: 'stops', when: replicas((r) => ((r.storageUsed ?? 0) >= 0.9 ? [`, ${Math.floor((r.storageUsed ?? 0) * 100)} % used`] : [])), ...sameAs(events.STORAGE_NEARLY_FULL) },

  { id: 'CERTIFICATE_ENDS', severity: 'warns', when: certificate((left) => left > 0 && left <= CERTIFICATE_WARNING_MS), says: 'The certificate of the license server ends within 30 days.', todo: 'Activate the license server again: calbus reactivate --reason certificate-expired.' },
  { id: 'GRACE_OVER', severity: 'warns', when: graceOver, says: 'Its grace period is over, and it was given no full license: clients without a license are refused.', todo: 'Make sure that it is given full licenses: calbus diagnose --terminal-server says what is missing.' },
  { id: 'GRACE_ENDS', severity: 'warns', when: graceEnds, says: 'Its grace period ends; from then on clients without a license are refused.', todo: 'Make sure that it is given full licenses: calbus diagnose --terminal-server says what is missing.' },
  { id: 'LOW_STOCK', severity: 'warns', when: lowPools, ...sameAs(events.LOW_STOCK) },
  { id: 'CLOCK_SUSPECT', severity: 'warns', when: replicas((r) => (r.clockSuspect ?? []).map((c) => `, ${Math.round(c.departsBy / 1_000)} s from ${c.source}`)), ...sameAs(events.CLOCK_SUSPECT) },
  { id: 'CLOCK_MOVED', severity: 'warns', when: replicas((r) => when(r.clockOffset !== undefined, `, by ${Math.round((r.clockOffset ?? 0) / 1_000)} s`)), says: 'Its clock is moved, which is for trials only.', todo: 'Start it without CALBUS_CLOCK_OFFSET.' },
  { id: 'NOT_DURABLE', severity: 'warns', when: system((s) => when(s.replicas.some((r) => !r.durable), `NATS ${s.nats.version}`)), says: 'This NATS server is older than 2.10: acknowledged licenses can be lost on power failure.', todo: 'Use nats-server 2.10 or later.' },
  { id: 'VOID_RECORD', severity: 'warns', when: leader((r) => when(r.voidMessages > 0, `${r.voidMessages} VOID messages`)), ...sameAs(events.VOID_RECORD) },
  { id: 'LIAISON_AWAY', severity: 'warns', when: system((s) => when(s.liaison === null, 'clearinghouse-liaison')), says: "The liaison does not answer: no command reaches the Clearinghouse, and no new issuing keys are made.", todo: 'Start it, or read its log.' },
  { id: 'CLEARINGHOUSE_UNREACHABLE', severity: 'warns', when: system((s) => when(s.liaison?.link === 'down', 'the link to the Clearinghouse')), says: 'The liaison does not reach RabbitMQ; what is asked of the Clearinghouse waits in the outbox.', todo: 'Start RabbitMQ, or check the address that the liaison is given.' },
  { id: 'NOT_READ', severity: 'warns', when: notRead, says: 'This could not be read, so problems in it are not found.', todo: 'Run it again; calbus status shows which part does not answer.' },

  { id: 'CALS_OF_LATER_VERSION', severity: 'note', when: (o) => withStockVerdict(o, 'later-taken'), says: 'No CAL of its own version is left; those of a later version are taken.', todo: 'Nothing, or install more of its own version: calbus install.' },
  { id: 'REDIS_UNREACHABLE', severity: 'note', when: system((s) => when(s.redis === 'unreachable', 'the live counts')), says: 'Redis does not answer: counts are stale; licenses are still issued.', todo: 'Start Redis; counts come back by themselves.' },
  { id: 'CACHE_BEHIND', severity: 'note', when: lasting('cache-behind', () => 'the live counts'), ...sameAs(events.CACHE_BEHIND) },
  { id: 'DEAD_LETTERS', severity: 'note', when: system((s) => when((s.deadLetters ?? 0) > 0, `${s.deadLetters} in the last 30 days`)), says: 'There are messages that no service could handle.', todo: 'calbus dead-letters says who sent what, and why it was put aside.' },
];

export const NOTHING_WRONG: Finding = {
  severity: 'note',
  code: 'NOTHING_WRONG',
  about: 'everything that was looked at',
  says: 'Nothing is wrong.',
  todo: 'Nothing.',
};

/** Worst first. */
export const diagnose = (o: Observation): Finding[] => {
  const found = rows.flatMap(({ id, severity, when: is, says, todo }) =>
    is(o).map((about): Finding => ({ severity, code: id, about, says, todo })),
  );
  const sorted = severities.flatMap((s) => found.filter((f) => f.severity === s));
  return sorted.length > 0 ? sorted : [NOTHING_WRONG];
};
