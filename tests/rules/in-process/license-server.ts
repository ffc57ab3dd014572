// A license server in this process: inventory, the liaison and an issuer with their own handlers, between which a bus in memory
// carries the messages. It can be stopped and started again at another time on what it has stored.

import type { DatabaseSync } from 'node:sqlite';
import { inboxes } from '@calbus/contracts/identities';
import type { DeadLetter } from '@calbus/runtime/dead-letters';
import { createEndpoints } from '@calbus/runtime/endpoints';
import type { Log } from '@calbus/runtime/log';
import { createMetrics } from '@calbus/runtime/metrics';
import { openSqlite } from '@calbus/runtime/sqlite';
import { openSigner } from '../../../services/clearinghouse-liaison/src/adapters/license-server-key.ts';
import { natsInventory as liaisonInventory } from '../../../services/clearinghouse-liaison/src/adapters/nats-inventory.ts';
import { sqliteBackupRows } from '../../../services/clearinghouse-liaison/src/adapters/backup-rows.ts';
import { startResponders } from '../../../services/clearinghouse-liaison/src/adapters/responders.ts';
import { schema } from '../../../services/clearinghouse-liaison/src/adapters/schema.ts';
import { sqliteStore } from '../../../services/clearinghouse-liaison/src/adapters/sqlite-store.ts';
import { handleAnswer } from '../../../services/clearinghouse-liaison/src/handlers/clearinghouse-answer.ts';
import { startJobs } from '../../../services/clearinghouse-liaison/src/handlers/jobs.ts';
import type { CommandLink, IssuingKeys, Signer } from '../../../services/clearinghouse-liaison/src/ports.ts';
import { natsInventory } from '../../../services/issuer/src/adapters/inventory.ts';
import { openIssuingKeys } from '../../../services/issuer/src/adapters/issuing-keys.ts';
import { issuerMetrics } from '../../../services/issuer/src/adapters/metrics.ts';
import { natsTerminalServers } from '../../../services/issuer/src/adapters/terminal-servers.ts';
import { openTrustStore } from '../../../services/issuer/src/adapters/trust-store.ts';
import { handleBatch } from '../../../services/issuer/src/handlers/requests.ts';
import type { Random } from '../../../services/inventory/src/rules/ruling.ts';
import type { MemoryBus } from './bus.ts';
import type { ManualClock } from './clock.ts';
import { newInventoryStorage, startInventory, type InventoryStorage } from './inventory.ts';
import type { Vendor } from './vendor.ts';

const SECRET = 'a secret of tests with at least thirty-two characters';

export type LicenseServerProcess = {
  readonly storage: InventoryStorage;
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
  /** The term of the leader, or of the replica that waits in loss. */
  readonly term: () => number | undefined;
  /** Puts a message of a terminal server into the request queue. */
  readonly enqueue: (subject: string, bytes: Uint8Array) => void;
  readonly dead: readonly DeadLetter[];
  readonly close: () => void;
};

type Running = { readonly stop: () => Promise<void> };

const startLiaison = async (
  d: {
    readonly bus: MemoryBus;
    readonly clock: ManualClock;
    readonly log: Log;
    readonly dead: DeadLetter[];
  },
  db: DatabaseSync,
  keys: { now: IssuingKeys | undefined },
  vendor: Vendor,
  account: string,
): Promise<Running> => {
  const { clock, log } = d;
  const { now } = clock;
  const end = new AbortController();
  const { signal } = end;
  const nc = d.bus.connect(inboxes['clearinghouse-liaison']);
  const opened = await clock.hold(openSigner(db, SECRET, now()));
  // Certificates are made in threads of the machine.
  const signer: Signer = { ...opened, newIssuingKey: (...of) => clock.hold(opened.newIssuingKey(...of)) };
  const store = sqliteStore(db, SECRET);
  const inventory = liaisonInventory(nc, clock, log);
  const bucket = {
    read: async () => keys.now,
    write: async (all: IssuingKeys) => void (keys.now = structuredClone(all)),
  };
  const answering = { store, signer, root: vendor.root, now };
  const outlet: CommandLink = {
    isUp: () => true,
    send: async ({ jws }) => {
      const answer = await clock.hold(vendor.answer(account, jws));
      const outcome = handleAnswer(answering, Buffer.from(answer));
      if (outcome.kind === 'dead') throw new Error(`the liaison rejects an answer: ${outcome.fault.detail}`);
      jobs.answerApplied();
      return 'stored';
    },
  };
  const jobs = startJobs({ store, signer, bucket, inventory, outlet, clock, log, signal });
  const dead = { put: async (m: DeadLetter) => d.dead.push(m) > 0 };
  const parts = { ...answering, inventory, link: outlet, rows: sqliteBackupRows(db), jobs };
  startResponders({ nc, clock, log, dead }, parts);
  return {
    stop: async () => {
      end.abort();
      await jobs.ended;
      await nc.close();
    },
  };
};

/** Logs what goes wrong if a test is run with CALBUS_LOG=1. */
const logOf = (name: string): Log => {
  const line =
    (level: string) =>
    (facts: object, text: string): void => {
      if (process.env['CALBUS_LOG'] === '1') console.log(level, name, text, JSON.stringify(facts));
    };
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
};

export const newLicenseServer = (
  bus: MemoryBus,
  clock: ManualClock,
  random: Random,
  vendor: Vendor,
  account: string,
): LicenseServerProcess => {
  const storage = newInventoryStorage();
  const db = openSqlite(':memory:', schema);
  const keys: { now: IssuingKeys | undefined } = { now: undefined };
  const dead: DeadLetter[] = [];
  const deadLetters = { put: async (m: DeadLetter) => dead.push(m) > 0 };
  let running: Running[] = [];
  let term: () => number | undefined = () => undefined;
  let take: ((subject: string, bytes: Uint8Array, deliveries: number) => void) | undefined;

  const startIssuer = (): Running => {
    const log = logOf('issuer');
    const end = new AbortController();
    const { signal } = end;
    const nc = bus.connect(inboxes.issuer);
    const inventory = natsInventory(nc, clock, deadLetters);
    const trust = openTrustStore({
      nc,
      inventory,
      roots: [vendor.root],
      readKeys: async () => keys.now && openIssuingKeys(keys.now, SECRET),
      clock,
      log,
      dead: deadLetters,
      signal,
    });
    const deps = {
      clock,
      log,
      dead: deadLetters,
      inventory,
      terminalServers: natsTerminalServers(nc, clock),
      signer: trust,
      counts: issuerMetrics(createMetrics(), createEndpoints()),
    };
    take = (subject, bytes, deliveries) =>
      void trust.ready.then(() =>
        handleBatch(deps, [
          {
            subject,
            bytes,
            storedAt: clock.now(),
            deliveries,
            extendAckWait: () => {},
            acknowledge: () => {},
            retry: (ms) => void clock.startTimer(ms, () => take?.(subject, bytes, deliveries + 1)),
          },
        ]),
      );
    return {
      stop: async () => {
        take = undefined;
        end.abort();
        await trust.ended;
        await nc.close();
      },
    };
  };

  return {
    storage,
    dead,
    term: () => term(),
    start: async () => {
      const log = logOf('inventory');
      const own = { bus, clock, log, dead: deadLetters };
      const inventory = await startInventory({ ...own, storage, root: vendor.root, random });
      term = inventory.term;
      const liaison = await startLiaison({ ...own, log: logOf('liaison'), dead }, db, keys, vendor, account);
      running = [startIssuer(), liaison, inventory];
    },
    stop: async () => {
      for (const r of running) await r.stop();
      running = [];
      term = () => undefined;
    },
    enqueue: (subject, bytes) => take?.(subject, bytes, 1),
    close: () => db.close(),
  };
};
