// The status of the license server as lines for people: each part, its warnings below it, and the stock as a table.

import { lossReasons } from '@calbus/contracts/witness';
import type { SystemStatus } from '@calbus/operator-client/status';
import { day, describePoolExtras, grouped, modeName, time } from '@calbus/operator-client/text';
import { green, labelled, red, say, table, yellow } from '../../print.ts';
import { describeCache } from './cache-text.ts';

type Inventory = NonNullable<SystemStatus['inventory']>;

const line = labelled(16);
/** Prints a line below the part that it is about. */
const note = (text: string): void => line('', text);

const clockNames = {
  'own-elapsed': 'the time that has passed',
  ledger: "the ledger's time",
  nats: "NATS'",
  replica: "another replica's",
} as const;

const seconds = (ms: number): number => Math.round(ms / 1_000);

const showLoss = (loss: NonNullable<Inventory['loss']>): void => {
  const awaitsRestore = loss.evidence.find((e) => e.from === 'restore');
  if (awaitsRestore) note(yellow(`${lossReasons[awaitsRestore.why]} calbus restore`));
  for (const { from, saw, why } of loss.evidence.filter((e) => e.from !== 'restore')) {
    const seen = saw ? ` (${saw.sequence} of generation ${saw.generation}, ${time(saw.time)} UTC)` : '';
    note(red(`Something of the ledger is lost. ${from}: ${lossReasons[why]}${seen}`));
  }
  if (!awaitsRestore)
    note(red('No license is issued until the ledger is whole again, or calbus ledger accept-loss.'));
};

const showClock = ({ clockOffset, clockSuspect = [] }: Inventory): void => {
  if (clockOffset !== undefined)
    note(red(`Its clock is moved by ${seconds(clockOffset)} s (CALBUS_CLOCK_OFFSET): for trials only.`));
  for (const { source, departsBy } of clockSuspect)
    note(
      red(
        `Its clock departs from ${clockNames[source]} by ${seconds(departsBy)} s: no CAL is returned until they agree, or calbus clock confirm.`,
      ),
    );
};

const showLedger = (i: Inventory): void => {
  if (i.loss) showLoss(i.loss);
  if (!i.durable)
    note(red('This NATS server is older than 2.10: acknowledged licenses can be lost on power failure.'));
  if (i.voidMessages > 0) note(yellow(`${i.voidMessages} VOID messages in the ledger; they change nothing.`));
  showClock(i);
  if (i.storageUsed !== undefined && i.storageUsed >= 0.9) {
    const percent = Math.floor(i.storageUsed * 100);
    note(red(`The ledger has used ${percent} % of its storage: no new temporary licenses.`));
  }
};

const showActivation = (i: Inventory): void => {
  line(
    'Activation',
    i.activation
      ? `${grouped(i.activation.serverId)}, epoch ${i.activation.epoch}, certificate until ${day(i.activation.certificateNotAfter)}`
      : yellow('not activated: temporary licenses only. calbus activate'),
  );
  if (i.restored)
    note(
      red(
        'RESTORED from a backup: temporary licenses only, and nothing is renewed. calbus reactivate --reason redeployed',
      ),
    );
  if (i.deactivated)
    note(yellow('Deactivated: temporary licenses only, and nothing is renewed. calbus activate'));
};

const showInventory = (i: Inventory, replicas: SystemStatus['replicas']): void => {
  line(
    'Inventory',
    `${i.role} ${i.replica}, term ${i.term}, ledger at ${i.position.sequence} (${time(i.ledgerTime)} UTC)`,
  );
  for (const other of replicas.filter((r) => r.replica !== i.replica))
    note(`${other.role} ${other.replica}, ledger at ${other.position.sequence}`);
  showLedger(i);
  showActivation(i);
  line(
    'Licenses',
    `${i.licenses.full} full, ${i.licenses.temporary} temporary, on ${i.devices} devices; ${i.keyPacks} key packs`,
  );
};

const showClearinghouse = ({ liaison, inventory }: SystemStatus): void => {
  if (!liaison) return line('Clearinghouse', red('the liaison does not answer'));
  const pending = liaison.commands.filter(({ state: { state } }) => state === 'waiting' || state === 'sent');
  const link = liaison.link === 'up' ? green('up') : yellow('down');
  line('Clearinghouse', `link ${link}, ${pending.length} commands under way`);
  if (liaison.superseded)
    note(red('Another copy of this license server has taken its place at the Clearinghouse: stop this one.'));
  if (liaison.activation && inventory?.role === 'leader' && !inventory.activation)
    note(
      red(
        `The liaison is activated as ${grouped(liaison.activation.serverId)}, and the ledger knows nothing of it: calbus reactivate --reason redeployed, then calbus recover.`,
      ),
    );
};

const describeDeadLetters = (n: number | null): string => {
  if (n === null) return red('cannot be read');
  return n === 0 ? '0' : yellow(`${n}: calbus dead-letters`);
};

const showPools = ({ pools, perUser = 'unmonitored' }: Inventory): void => {
  if (pools.length === 0) return;
  say();
  table(
    ['version', 'type', 'installed', 'issued', 'available', 'temporary'],
    pools.map((p) => [
      p.version,
      modeName(p.mode),
      String(p.installed),
      String(p.issued),
      p.mode === 'per-user' && perUser === 'unmonitored' ? 'not counted' : String(p.available),
      String(p.temporary),
    ]),
  );
  for (const p of pools) {
    const extras = describePoolExtras(`${p.version} ${modeName(p.mode)}`, p);
    if (extras !== undefined) say(extras);
  }
};

export const showStatus = (s: SystemStatus): void => {
  line('NATS', `${s.nats.server}, version ${s.nats.version}`);
  if (s.inventory) showInventory(s.inventory, s.replicas);
  else line('Inventory', red('does not answer'));
  line(
    'Issuers',
    s.queue
      ? `${s.queue.waiting} requests waiting, ${s.queue.inHand} in hand`
      : red('the queue cannot be read'),
  );
  const { terminalServers: servers } = s;
  if (servers && servers.known > 0)
    line('Terminal servers', `${servers.known}${servers.more ? ' and more' : ''}`);
  showClearinghouse(s);
  line('Live counts', describeCache(s, Date.now()));
  line('Dead letters', describeDeadLetters(s.deadLetters));
  if (s.inventory) showPools(s.inventory);
};
