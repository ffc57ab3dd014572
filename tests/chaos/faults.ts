// What is done to the site. Each fault takes hold of one thing, says when it has struck, holds on, and lets go again.

import { setTimeout as sleep } from 'node:timers/promises';
import { streams } from '@calbus/contracts/streams';
import type { ManagedServer } from '@calbus/local/servers/managed-server';
import type { FaultProxy } from '@calbus/test-support/fault-proxy';
import type { Dice } from './dice.ts';
import type { CacheDump } from './checker/history.ts';
import type { Member } from './member.ts';
import type { Site } from './site.ts';

export type Grip = {
  readonly site: Site;
  readonly dice: Dice;
  /** The inventory that leads now. */
  readonly leader: () => Member | undefined;
  /** Processes that another fault has hold of at this moment. */
  readonly held: Set<Member>;
  /** What Redis held some time ago. */
  readonly oldDump: () => CacheDump | undefined;
  /** To be called at the moment of the fault; with the process it struck, where it is one. */
  readonly struck: (member?: Member) => void;
};

export type Fault = {
  readonly kind: string;
  /** Two faults of a pair never have the same. */
  readonly on:
    'leader' | 'standby' | 'issuer' | 'nats' | 'redis' | 'liaison' | 'rabbitmq' | 'terminal servers';
  /** The leader is lost by it: another must lead. */
  readonly losesLeader?: boolean;
  /** What Redis says is not to be believed while this fault lasts. */
  readonly spoilsRedis?: boolean;
  readonly run: (g: Grip) => Promise<void>;
};

type Role = 'leader' | 'standby' | 'issuer' | 'liaison';

const choose = (g: Grip, role: Role): Member | undefined => {
  const free = g.site.members.filter((m) => !g.held.has(m) && m.life());
  const leader = g.leader();
  switch (role) {
    case 'leader':
      return free.find((m) => m === leader);
    case 'standby':
      return g.dice.pick(free.filter((m) => m.service === 'inventory' && m !== leader));
    case 'issuer':
      return g.dice.pick(free.filter((m) => m.service === 'issuer'));
    case 'liaison':
      return free.find((m) => m.service === 'clearinghouse-liaison');
  }
};

const holding = async (g: Grip, role: Role, act: (m: Member) => Promise<void>): Promise<void> => {
  const m = choose(g, role);
  if (!m) return;
  g.held.add(m);
  try {
    await act(m);
  } finally {
    g.held.delete(m);
  }
};

type Doing = (g: Grip, m: Member) => Promise<void>;

const kill: Doing = async (g, m) => {
  const killed = m.kill();
  g.struck(m);
  await killed;
  await sleep(g.dice.between(200, 2_000));
  await m.start();
};

const pause =
  (min: number, max: number): Doing =>
  async (g, m) => {
    await m.life()?.pause();
    g.struck(m);
    await sleep(g.dice.between(min, max));
    m.life()?.resume();
  };

const restart: Doing = async (g, m) => {
  g.struck(m);
  await m.stop();
  await m.start();
};

/** One thing done to some wires, and undone. */
const onWires = async (
  g: Grip,
  wires: readonly FaultProxy[],
  hold: readonly [number, number],
  act: (wire: FaultProxy) => void,
  member?: Member,
): Promise<void> => {
  for (const wire of wires) act(wire);
  g.struck(member);
  await sleep(g.dice.between(...hold));
  for (const wire of wires) wire.restore();
};

const cut: Doing = (g, m) => onWires(g, m.nats, [1_500, 4_000], (w) => w.cut(), m);
const delay: Doing = (g, m) => {
  const ms = g.dice.between(200, 1_500);
  return onWires(g, m.nats, [2_000, 5_000], (w) => w.delay(ms), m);
};
const swallowAnswers: Doing = (g, m) => onWires(g, m.nats, [2_500, 5_000], (w) => w.drop('toClient'), m);
const swallowRequests: Doing = (g, m) => onWires(g, m.nats, [2_500, 5_000], (w) => w.drop('toServer'), m);

const to = (role: Role, kind: string, doing: Doing, more: Partial<Fault> = {}): Fault => ({
  kind: `${role}: ${kind}`,
  on: role,
  run: (g) => holding(g, role, (m) => doing(g, m)),
  ...more,
});

const lost = { losesLeader: true } as const;

export const leaderFaults: readonly Fault[] = [
  to('leader', 'kill -9', kill, lost),
  to('leader', 'pause 2-4 s', pause(2_000, 4_000), lost),
  to('leader', 'cut from NATS', cut, lost),
  to('leader', 'delay', delay),
  to('leader', 'swallow answers', swallowAnswers, lost),
  to('leader', 'swallow requests', swallowRequests, lost),
  to('leader', 'pause 0.5-1 s', pause(500, 1_000)),
  to('leader', 'clean restart', restart, lost),
];

const others: readonly Fault[] = (['standby', 'issuer'] as const).flatMap((role) => [
  to(role, 'kill -9', kill),
  to(role, 'pause', pause(500, 4_000)),
  to(role, 'cut from NATS', cut),
  to(role, 'delay', delay),
  to(role, 'swallow answers', swallowAnswers),
  to(role, 'clean restart', restart),
]);

const liaison: readonly Fault[] = [
  to('liaison', 'kill -9', kill),
  to('liaison', 'pause', pause(500, 4_000)),
  to('liaison', 'cut from NATS', cut),
];

const terminalServers: readonly Fault[] = [
  {
    kind: 'terminal servers: cut from NATS',
    on: 'terminal servers',
    run: (g) => onWires(g, g.site.terminalServerWires, [500, 2_000], (w) => w.cut()),
  },
];

const rabbitmq: readonly Fault[] = [
  {
    kind: 'rabbitmq: kill -9',
    on: 'rabbitmq',
    run: async ({ site, struck }) => {
      await site.rabbitmq.kill();
      struck();
      await site.rabbitmq.restart();
    },
  },
];

const restartAfter = async (node: ManagedServer | undefined, { struck, dice }: Grip): Promise<void> => {
  await node?.kill();
  struck();
  await sleep(dice.between(100, 1_500));
  await node?.restart();
};

/** The node that leads the stream of the ledger, by what the nodes themselves say. */
const ledgerNode = async ({ ledger, nodes }: Site): Promise<ManagedServer | undefined> => {
  const jsm = await ledger.jetstreamManager({ checkAPI: false });
  const { cluster } = await jsm.streams.info(streams.ledger.name);
  return nodes[Number(cluster?.leader?.slice(1)) - 1];
};

/** Only where there are several nodes. */
export const clusterFaults: readonly Fault[] = [
  {
    kind: 'nats: kill -9 of the node that leads the ledger',
    on: 'nats',
    run: async (g) => restartAfter(await ledgerNode(g.site), g),
  },
];

const nats: readonly Fault[] = [
  {
    kind: 'nats: kill -9',
    on: 'nats',
    run: (g) => restartAfter(g.dice.pick(g.site.nodes), g),
  },
  {
    kind: 'nats: pause',
    on: 'nats',
    run: async ({ site, struck, dice }) => {
      const node = dice.pick(site.nodes);
      await node?.pause();
      struck();
      await sleep(dice.between(500, 3_000));
      node?.resume();
    },
  },
];

const redisFault = (kind: string, run: (g: Grip) => Promise<void>): Fault => ({
  kind: `redis: ${kind}`,
  on: 'redis',
  spoilsRedis: true,
  run,
});

const redis: readonly Fault[] = [
  redisFault('kill -9', async ({ site, struck, dice }) => {
    await site.redis.kill();
    struck();
    await sleep(dice.between(200, 3_000));
    await site.redis.restart();
  }),
  redisFault('pause', async ({ site, struck, dice }) => {
    await site.redis.pause();
    struck();
    await sleep(dice.between(1_000, 5_000));
    site.redis.resume();
  }),
  redisFault('flushed', async ({ site, struck }) => {
    await site.cache.flush();
    struck();
  }),
  redisFault('1 s a command', async (g) => {
    const wires = g.site.members.flatMap((m) => m.redis ?? []);
    await onWires(g, wires, [4_000, 8_000], (w) => w.delay(500));
  }),
  redisFault('full', async ({ site, struck, dice }) => {
    await site.cache.setMaxmemory(1_000_000);
    struck();
    await sleep(dice.between(2_000, 5_000));
    await site.cache.setMaxmemory(0);
  }),
  redisFault('read-only', async ({ site, struck, dice }) => {
    await site.cache.setReadOnly(true);
    struck();
    await sleep(dice.between(2_000, 5_000));
    await site.cache.setReadOnly(false);
  }),
  redisFault('old dump', async ({ site, struck, oldDump }) => {
    const dump = oldDump();
    if (dump) await site.cache.restore(dump);
    struck();
  }),
  redisFault('from the future', async ({ site, struck }) => {
    await site.cache.lieAhead();
    struck();
  }),
];

export const allFaults: readonly Fault[] = [
  ...leaderFaults,
  ...others,
  ...liaison,
  ...terminalServers,
  ...rabbitmq,
  ...nats,
  ...redis,
];
