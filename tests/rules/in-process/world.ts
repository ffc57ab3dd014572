// A world in this process. Time is the test's: it moves while everything waits, and nothing waits for the machine's clock.

import { describeCounts } from '@calbus/operator-client/text';
import { createAudit } from '@calbus/audit/audit';
import { inboxes } from '@calbus/contracts/identities';
import { inventoryAccepted, inventoryRefused } from '@calbus/contracts/inventory-command-messages';
import {
  inventoryPacks,
  inventoryCurrentSettings,
  inventoryTerminalServers,
  queryPacks,
  querySettings,
  queryTerminalServers,
} from '@calbus/contracts/inventory-query-messages';
import { inventoryStatus, queryStatus } from '@calbus/contracts/inventory-status-messages';
import type { Body, Contract, Message } from '@calbus/contracts/envelope';
import { faultOf } from '@calbus/contracts/faults';
import {
  liaisonRefused,
  liaisonStatus,
  liaisonAccepted,
  queryLiaisonStatus,
} from '@calbus/contracts/liaison-messages';
import { subjects } from '@calbus/contracts/subjects';
import { diagnose } from '@calbus/operator-client/diagnosis/findings';
import { Problem } from '@calbus/operator-client/problem';
import { sendRequest } from '@calbus/runtime/request';
import { memoryStore } from '@calbus/terminal-server/memory-store';
import type { TerminalServer } from '@calbus/terminal-server/client';
import { openTerminalServer } from '@calbus/terminal-server/terminal-server';
import type { Random } from '../../../services/inventory/src/rules/ruling.ts';
import { agreement, terminalServerId, type AdmittingServer, type World } from '../world.ts';
import { memoryBus } from './bus.ts';
import { drive, manualClock } from './clock.ts';
import { newLicenseServer } from './license-server.ts';
import { memoryEnvironment, type Wire } from './terminal-server.ts';
import { openVendor } from './vendor.ts';

const START = Date.UTC(2026, 8, 1, 8);
const POLL_INTERVAL_MS = 100;
const POLL_TIMEOUT_MS = 60_000;
const WITNESS_INTERVAL_MS = 2_000;
const SEED = 1;

/** The Clearinghouse of all worlds in this process. Its root is made once. */
const vendor = openVendor(agreement, START);
let worlds = 0;

/** Numbers that are the same in every run. */
const seededRandom = (seed: number): Random => {
  let state = seed;
  let ids = 0;
  return {
    id: () => `id-${(ids += 1)}`,
    between: (min, max) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return min + Math.floor((state / 2 ** 32) * (max - min + 1));
    },
  };
};

export const openWorld = async (): Promise<World> => {
  const bus = memoryBus();
  const clock = manualClock(START);
  const account = `world-${(worlds += 1)}`;
  const random = seededRandom(SEED);
  const { root } = await vendor;
  let site = newLicenseServer(bus, clock, random, await vendor, account);
  const run = <T>(promise: Promise<T>): Promise<T> => drive(clock, promise);
  const opened = new Set<TerminalServer>();
  const nc = bus.connect(inboxes.operator);
  const enqueue = (subject: string, bytes: Uint8Array): void => site.enqueue(subject, bytes);
  let ids = 0;
  const stamp = () => ({ id: `operator-${(ids += 1)}`, sentAt: clock.now() });

  const askAny = async <C extends Contract, A extends Contract>(
    subject: string,
    contract: C,
    body: Body<C>,
    answers: readonly A[],
  ): Promise<Message<A>> => {
    try {
      return await run(sendRequest(nc, subject, contract, stamp(), body, answers, 0));
    } catch (error) {
      const fault = faultOf(error);
      if (!fault) throw error;
      throw new Problem(fault.code, fault.detail);
    }
  };
  const query: World['query'] = async (name, contract, body, answer) =>
    (await askAny(subjects.inventory.query('operator', name), contract, body, [answer])).body;
  const eventually: World['eventually'] = async (what, poll, accept = Boolean) => {
    const until = clock.monotonic() + POLL_TIMEOUT_MS;
    for (;;) {
      const value = await poll();
      if (accept(value)) return value;
      if (clock.monotonic() > until)
        throw new Error(`not within a minute: ${what}; last: ${JSON.stringify(value)}`);
      await run(clock.sleep(POLL_INTERVAL_MS));
    }
  };
  const replica: World['replica'] = () =>
    query('status', queryStatus, {}, inventoryStatus).catch(() => undefined);
  const status: World['status'] = async () => {
    const found = await eventually('a replica leads', replica, (s) => s?.role === 'leader');
    if (!found) throw new Error('no replica leads');
    return found;
  };
  const start = async (): Promise<void> => {
    await run(site.start());
    await eventually('a term', site.term, (term) => term !== undefined);
    // Issuers take the first keys within two of their polls.
    await run(clock.sleep(1_000));
  };
  const leaderTerm = (): Promise<number | undefined> =>
    eventually('a term', site.term, (term) => term !== undefined);

  const driven = (server: TerminalServer): TerminalServer => ({
    ...server,
    admit: (a) => run(server.admit(a)),
    request: (a) => run(server.request(a)),
    validated: (licenseId, hardwareId) => run(server.validated(licenseId, hardwareId)),
  });
  const optionsOf = (id: string) => ({
    servers: 'memory',
    seed: '',
    terminalServerId: id,
    roots: [root],
    now: clock.now,
    waitsMs: 3_000,
    againMs: 500,
  });
  const requesting = new Map<string, TerminalServer>();

  const admittingServer: World['admittingServer'] = async (version, mode): Promise<AdmittingServer> => {
    const id = terminalServerId(version, mode);
    const store = memoryStore();
    const wire: Wire = { cut: false, onRestored: new Set() };
    const open = async (): Promise<TerminalServer> => {
      const options = { ...optionsOf(id), ...(mode === 'none' ? {} : { mode }), version, store };
      const server = await run(openTerminalServer(options, memoryEnvironment(bus, clock, enqueue, wire)));
      opened.add(server);
      return driven(server);
    };
    const close = async (): Promise<void> => {
      opened.delete(server);
      await run(server.close());
    };
    let server = await open();
    return {
      server: () => server,
      cut: () => {
        wire.cut = true;
      },
      restore: async () => {
        wire.cut = false;
        for (const up of wire.onRestored) up();
        await run(clock.sleep(POLL_INTERVAL_MS));
      },
      restart: async () => {
        await close();
        server = await open();
      },
      [Symbol.asyncDispose]: close,
    };
  };

  await start();
  return {
    kind: 'in process',
    now: clock.now,
    monotonic: clock.monotonic,
    passUntil: async (instant) => {
      if (instant < clock.now()) throw new Error(`${new Date(instant).toISOString()} is past`);
      await run(site.stop());
      clock.jumpTo(instant);
      await start();
      await status();
    },
    wait: (ms) => run(clock.sleep(ms)),
    eventually,
    send: askAny,
    query,
    command: async (contract, body) => {
      const subject = subjects.inventory.operate((await leaderTerm()) ?? 0);
      const answer = await askAny(subject, contract, body, [inventoryAccepted, inventoryRefused]);
      if (answer.type !== inventoryRefused.type) return;
      const { code, detail, ...facts } = answer.body;
      throw new Problem(code, detail, facts);
    },
    clearinghouse: async (name, contract, body) => {
      const commandId = `command-${(ids += 1)}`;
      const whole = { ...body, commandId, by: 'a test' } as unknown as Body<typeof contract>;
      const answers = [liaisonAccepted, liaisonRefused];
      const taken = await askAny(subjects.liaison.command(name), contract, whole, answers);
      if (taken.type === liaisonRefused.type) {
        const { reason, says } = taken.body;
        throw new Problem(reason, says);
      }
      const subject = subjects.liaison.query('operator', 'status');
      const stateOf = async () =>
        (await askAny(subject, queryLiaisonStatus, {}, [liaisonStatus])).body.commands.find(
          (c) => c.commandId === commandId,
        )?.state;
      const state = await eventually(
        `${name} ends`,
        stateOf,
        (s) => s?.state === 'done' || s?.state === 'rejected',
      );
      if (state?.state === 'rejected') throw new Problem(state.reason, state.says);
    },
    terminalServer: async (version, mode) => {
      const id = terminalServerId(version, mode);
      const known = requesting.get(id);
      if (known) return known;
      const environment = memoryEnvironment(bus, clock, enqueue, { cut: false, onRestored: new Set() });
      const server = await run(openTerminalServer({ ...optionsOf(id), mode, version }, environment));
      opened.add(server);
      requesting.set(id, driven(server));
      return driven(server);
    },
    admittingServer,
    status,
    replica,
    counts: async () => {
      const { pools } = await status();
      return describeCounts({ head: null, pools: pools.filter((p) => p.installed > 0 || p.temporary > 0) });
    },
    events: async () => site.storage.events.map((e) => `${e.event} ${e.about}`),
    diagnose: async () => {
      const now = await status();
      const { packs } = await query('packs', queryPacks, {}, inventoryPacks);
      const { settings } = await query('settings', querySettings, {}, inventoryCurrentSettings);
      const servers = await query(
        'terminal-servers',
        queryTerminalServers,
        { limit: 1_000 },
        inventoryTerminalServers,
      );
      const liaison = await askAny(subjects.liaison.query('operator', 'status'), queryLiaisonStatus, {}, [
        liaisonStatus,
      ]);
      return diagnose({
        now: clock.now(),
        natsUrl: 'memory',
        system: {
          nats: { version: '2.10.27' },
          replicas: [now],
          liaison: liaison.body,
          queue: { waiting: 0, inHand: 0, pulls: 1 },
          deadLetters: site.dead.length,
          liveCounts: now.position,
          redis: 'answers',
          lasting: [],
          packs,
          settings,
          terminalServers: { known: servers.terminalServers, more: servers.more },
        },
      });
    },
    limitLedger: async (maxBytes) => {
      site.storage.maxBytes = maxBytes;
    },
    copyLedger: async () => {
      const copy = [...site.storage.ledger];
      return async () => {
        // The liaison records within this time how far the ledger was.
        await run(clock.sleep(WITNESS_INTERVAL_MS));
        await run(site.stop());
        site.storage.ledger = [...copy];
        site.storage.claim = { revision: 0, claim: undefined };
        await start();
      };
    },
    loseLicenseServer: async () => {
      await run(site.stop());
      site = newLicenseServer(bus, clock, random, await vendor, account);
      await start();
    },
    verify: async () => {
      const audit = createAudit();
      for (const { sequence, bytes } of site.storage.ledger) audit.take({ sequence, bytes });
      const damage = audit.damage.first;
      const violations = audit.violations.first;
      const { position } = await status();
      if (damage.length + violations.length > 0 || audit.unreadFrom() !== undefined)
        throw new Error(`the ledger is not sound: ${JSON.stringify({ damage, violations })}`);
      if (audit.end().sequence !== position.sequence)
        throw new Error(`the ledger ends at ${audit.end().sequence}, the leader says ${position.sequence}`);
    },
    [Symbol.asyncDispose]: async () => {
      for (const server of opened) await run(server.close());
      await run(site.stop());
      site.close();
    },
  };
};
