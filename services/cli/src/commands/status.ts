import { z } from 'zod';
import type { NatsConnection } from 'nats';
import { inventoryStatus, queryStatus } from '@calbus/contracts/inventory-status-messages';
import { liaisonStatus, queryLiaisonStatus } from '@calbus/contracts/liaison-messages';
import { requestsConsumer, streams } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import { lossReasons } from '@calbus/contracts/witness';
import type { Redis } from 'ioredis';
import { readLiveCounts } from '@calbus/operator-client/live-counts';
import type { OperatorClient } from '@calbus/operator-client/client';
import { Problem } from '@calbus/operator-client/problem';
import { askTerminalServers } from './terminal-servers.ts';
import {
  bold,
  day,
  green,
  grouped,
  json,
  modeName,
  poolExtras,
  red,
  say,
  table,
  time,
  yellow,
} from '../print.ts';

const consumerInfo = z.object({
  num_pending: z.number(),
  num_ack_pending: z.number(),
  num_waiting: z.number(),
});
const streamInfo = z.object({ state: z.object({ messages: z.number() }) });

const api = async <T>(nc: NatsConnection, subject: string, shape: z.ZodType<T>): Promise<T | null> => {
  try {
    const { data } = await nc.request(`$JS.API.${subject}`, undefined, { timeout: 2_000 });
    return shape.safeParse(JSON.parse(new TextDecoder().decode(data))).data ?? null;
  } catch {
    return null;
  }
};

export const attempt = async <T>(what: Promise<T>): Promise<T | null> => {
  try {
    return await what;
  } catch {
    return null;
  }
};

/** Everything `status` shows; a part that does not answer is null. */
export const readStatus = async (operator: OperatorClient, redis: Redis) => {
  const { nc } = operator;
  const query = subjects.inventory.query('operator', 'status');
  const replicas = await operator.askAll(query, queryStatus, {}, inventoryStatus);
  const inventory =
    replicas.find((r) => r.role === 'leader') ?? replicas.find((r) => r.loss) ?? replicas[0] ?? null;
  const liaison = await attempt(
    operator.ask(subjects.liaison.query('operator', 'status'), queryLiaisonStatus, {}, liaisonStatus),
  );
  const known = await attempt(askTerminalServers(operator, { limit: 1_000 }));
  const queue = await api(
    nc,
    `CONSUMER.INFO.${requestsConsumer.stream}.${requestsConsumer.name}`,
    consumerInfo,
  );
  const dead = await api(nc, `STREAM.INFO.${streams.deadLetters.name}`, streamInfo);
  const live = await attempt(readLiveCounts(redis));
  return {
    nats: { server: nc.getServer(), version: nc.info?.version ?? '' },
    inventory,
    /** Every replica that answered, the one above included. */
    replicas,
    liaison,
    /** How many have asked or said how they stand; of more than a thousand a thousand. */
    terminalServers: known && { known: known.terminalServers.length, more: known.more },
    queue: queue && {
      waiting: queue.num_pending,
      inHand: queue.num_ack_pending,
      pulls: queue.num_waiting,
    },
    deadLetters: dead?.state.messages ?? null,
    liveCounts: live?.head ?? null,
    redis: live === null ? ('unreachable' as const) : ('answers' as const),
  };
};

const line = (name: string, text: string): void => say(`${bold(name.padEnd(16))} ${text}`);

const clockNames = {
  'own-elapsed': 'the time that has passed',
  ledger: "the ledger's time",
  nats: "NATS'",
  replica: "another replica's",
} as const;

const showInventory = (i: NonNullable<Status['inventory']>, replicas: Status['replicas']): void => {
  line(
    'Inventory',
    `${i.role === 'leader' ? 'leader' : i.role} ${i.replica}, term ${i.term}, ledger at ${i.position.sequence} (${time(i.ledgerTime)} UTC)`,
  );
  for (const other of replicas.filter((r) => r.replica !== i.replica))
    line('', `${other.role} ${other.replica}, ledger at ${other.position.sequence}`);
  const waits = i.loss?.evidence.find((e) => e.from === 'restore');
  if (waits) line('', yellow(`${lossReasons[waits.why]} calbus restore`));
  for (const { from, saw, why } of i.loss?.evidence.filter((e) => e.from !== 'restore') ?? [])
    line(
      '',
      red(
        `Something of the ledger is lost. ${from}: ${lossReasons[why]}${saw ? ` (${saw.sequence} of generation ${saw.generation}, ${time(saw.time)} UTC)` : ''}`,
      ),
    );
  if (i.loss && !waits)
    line('', red('No license is issued until the ledger is whole again, or calbus ledger accept-loss.'));
  if (!i.durable)
    line('', red('This NATS server is older than 2.10: acknowledged licenses can be lost on power failure.'));
  if (i.voidMessages > 0)
    line('', yellow(`${i.voidMessages} VOID messages in the ledger; they change nothing.`));
  if (i.clockOffset !== undefined)
    line(
      '',
      red(
        `Its clock is moved by ${Math.round(i.clockOffset / 1_000)} s (CALBUS_CLOCK_OFFSET): for trials only.`,
      ),
    );
  for (const { source, departsBy } of i.clockSuspect ?? [])
    line(
      '',
      red(
        `Its clock departs from ${clockNames[source]} by ${Math.round(departsBy / 1_000)} s: no CAL is returned until they agree, or calbus clock confirm.`,
      ),
    );
  if (i.storageUsed !== undefined && i.storageUsed >= 0.9)
    line(
      '',
      red(
        `The ledger has used ${Math.floor(i.storageUsed * 100)} % of its storage: no new temporary licenses.`,
      ),
    );
  line(
    'Activation',
    i.activation
      ? `${grouped(i.activation.serverId)}, epoch ${i.activation.epoch}, certificate until ${day(i.activation.certificateNotAfter)}`
      : yellow('not activated: temporary licenses only. calbus activate'),
  );
  if (i.restored)
    line(
      '',
      red(
        'RESTORED from a backup: temporary licenses only, and nothing is renewed. calbus reactivate --reason redeployed',
      ),
    );
  if (i.deactivated)
    line('', yellow('Deactivated: temporary licenses only, and nothing is renewed. calbus activate'));
  line(
    'Licenses',
    `${i.licenses.full} full, ${i.licenses.temporary} temporary, on ${i.devices} devices; ${i.keyPacks} key packs`,
  );
};

export const status = async (operator: OperatorClient, redis: Redis, asJson: boolean): Promise<void> => {
  const s = await readStatus(operator, redis);
  if (asJson) json(s);
  else show(s);
  if (!s.inventory)
    throw new Problem('UNREACHABLE', 'Inventory does not answer: check that it runs, and read its log.');
};

type Status = Awaited<ReturnType<typeof readStatus>>;

/** How far the live counts are, by what Redis says to us and what the leader says of it. */
export const countsWords = (
  { inventory: i, liveCounts: live, redis }: Pick<Status, 'inventory' | 'liveCounts' | 'redis'>,
  now: number,
): string => {
  // Counts of another life of the ledger are none of this one, whatever their sequence.
  const sameLife = i !== null && live?.generation === i.position.generation;
  const at = sameLife ? live?.at : i?.cacheAsOf;
  const old =
    at === undefined
      ? ''
      : `: those of ${time(at)} UTC, ${Math.max(0, Math.round((now - at) / 1_000))} s ago`;
  if (redis === 'unreachable') return red(`Redis does not answer${old}; licenses are still issued`);
  if (!sameLife || !live) return yellow('being written anew');
  const behind = i.position.sequence - live.sequence;
  if (i.cache === 'current' && behind <= 0) return green('current');
  if (i.cache === 'unreachable')
    return red(`inventory does not reach Redis${old}; licenses are still issued`);
  return i.cache === 'behind' || behind > 1 ? yellow(`behind${old}`) : green('current');
};

const show = (s: Status): void => {
  line('NATS', `${s.nats.server}, version ${s.nats.version}`);
  if (s.inventory) showInventory(s.inventory, s.replicas);
  else line('Inventory', red('does not answer'));
  line(
    'Issuers',
    s.queue
      ? `${s.queue.waiting} requests waiting, ${s.queue.inHand} in hand`
      : red('the queue cannot be read'),
  );
  if (s.terminalServers && s.terminalServers.known > 0)
    line('Terminal servers', `${s.terminalServers.known}${s.terminalServers.more ? ' and more' : ''}`);
  if (s.liaison)
    line(
      'Clearinghouse',
      `link ${s.liaison.link === 'up' ? green('up') : yellow('down')}, ${s.liaison.commands.filter((c) => c.state.state === 'waiting' || c.state.state === 'sent').length} commands under way`,
    );
  else line('Clearinghouse', red('the liaison does not answer'));
  if (s.liaison?.superseded)
    line(
      '',
      red('Another copy of this license server has taken its place at the Clearinghouse: stop this one.'),
    );
  const known = s.liaison?.activation;
  if (known && s.inventory?.role === 'leader' && !s.inventory.activation)
    line(
      '',
      red(
        `The liaison is activated as ${grouped(known.serverId)}, and the ledger knows nothing of it: calbus reactivate --reason redeployed, then calbus recover.`,
      ),
    );
  line('Live counts', countsWords(s, Date.now()));
  line(
    'Dead letters',
    s.deadLetters === null
      ? red('cannot be read')
      : s.deadLetters === 0
        ? '0'
        : yellow(`${s.deadLetters}: calbus dead-letters`),
  );
  if (!s.inventory || s.inventory.pools.length === 0) return;
  const perUser = s.inventory.perUser ?? 'unmonitored';
  say();
  table(
    ['version', 'type', 'installed', 'issued', 'available', 'temporary'],
    s.inventory.pools.map((p) => [
      p.version,
      modeName(p.mode),
      String(p.installed),
      String(p.issued),
      p.mode === 'per-user' && perUser === 'unmonitored' ? 'not counted' : String(p.available),
      String(p.temporary),
    ]),
  );
  for (const p of s.inventory.pools) {
    const extras = poolExtras(`${p.version} ${modeName(p.mode)}`, p);
    if (extras !== undefined) say(extras);
  }
};
