// A world with real servers and services. All worlds of a site follow one another: each begins with an empty license server.

import { readFileSync } from 'node:fs';
import { cpSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { describeCounts } from '@calbus/operator-client/text';
import { inventoryStatus, queryStatus } from '@calbus/contracts/inventory-status-messages';
import { subjects } from '@calbus/contracts/subjects';
import { sendClearinghouseCommand } from '@calbus/operator-client/clearinghouse-commands';
import { connectOperator, type OperatorClient } from '@calbus/operator-client/client';
import { diagnose } from '@calbus/operator-client/diagnosis/findings';
import { observe } from '@calbus/operator-client/diagnosis/observer';
import { verifyLedger } from '@calbus/operator-client/ledger/verification';
import { openLiveCounts, readLiveCounts } from '@calbus/operator-client/live-counts';
import { loadProfile, readSecret, terminalServerSeedFile } from '@calbus/operator-client/profile';
import { readEvents } from '@calbus/operator-client/stream-tail';
import { connectTerminalServer } from '@calbus/operator-client/terminal-server-connection';
import { connect, type TerminalServer } from '@calbus/terminal-server/client';
import { fileStore } from '@calbus/terminal-server/file-store';
import { eventually } from '@calbus/test-support/eventually';
import { startFaultProxy } from '@calbus/test-support/fault-proxy';
import { changeStopped, putBack } from '../../flow/ledger-on-disk.ts';
import { terminalServerId, type AdmittingServer, type World } from '../world.ts';
import type { Site } from './site.ts';

const POLL_TIMEOUT_MS = 30_000;
const MAX_EVENTS = 1_000;

const openOperator = async ({ profile }: Site) => {
  const operator = await connectOperator(profile);
  const redis = openLiveCounts(profile.redisUrl, profile.redisUser, readSecret(profile.redisPasswordFile));
  return {
    operator,
    redis,
    close: async (): Promise<void> => {
      redis.disconnect();
      await operator.close();
    },
  };
};

const admittingServerOf = async (
  { profile }: Site,
  now: () => number,
  version: Parameters<World['admittingServer']>[0],
  mode: Parameters<World['admittingServer']>[1],
): Promise<AdmittingServer> => {
  const id = terminalServerId(version, mode);
  const seedFile = terminalServerSeedFile(profile, id);
  const { hostname, port } = new URL(profile.natsUrl);
  const wire = await startFaultProxy({ host: hostname, port: Number(port) });
  const storeFile = path.join(path.dirname(seedFile), `${id}.${mode}.${process.hrtime.bigint()}.kept.json`);
  const open = (): Promise<TerminalServer> =>
    connect({
      servers: `nats://${wire.host}:${wire.port}`,
      seed: readSecret(seedFile),
      terminalServerId: id,
      ...(mode === 'none' ? {} : { mode }),
      version,
      roots: [readFileSync(profile.clearinghouseRootFile, 'utf8')],
      store: fileStore(storeFile),
      now,
      // The library notices a cut wire at once: a longer wait would gain nothing.
      waitsMs: 3_000,
      againMs: 500,
    });
  let server = await open();
  return {
    server: () => server,
    cut: wire.cut,
    restore: async () => {
      wire.restore();
      await eventually('it is connected again', () => server.status().link, {
        accept: (link) => isDeepStrictEqual(link, { kind: 'connected' }),
      });
    },
    restart: async () => {
      await server.close();
      server = await open();
    },
    [Symbol.asyncDispose]: async () => {
      await server.close();
      await wire[Symbol.asyncDispose]();
    },
  };
};

/** `account`: of the license server at the vendor. */
export const openWorld = async (site: Site, account: string): Promise<World> => {
  await site.empty();
  let offset = 0;
  await site.start(account, offset);
  let own = await openOperator(site);
  const operator = (): OperatorClient => own.operator;
  const requesting = new Map<string, Promise<TerminalServer>>();
  const closeConnections = async (): Promise<void> => {
    for (const ts of requesting.values()) await (await ts).close();
    requesting.clear();
    await own.close();
  };
  const now = (): number => Date.now() + offset;
  const poll: World['eventually'] = (what, look, accept = Boolean) =>
    eventually(what, look, { accept, withinMs: POLL_TIMEOUT_MS });
  const query: World['query'] = (name, contract, body, answer) =>
    operator().ask(subjects.inventory.query('operator', name), contract, body, answer);
  const replica: World['replica'] = () =>
    query('status', queryStatus, {}, inventoryStatus).catch(() => undefined);
  const status: World['status'] = async () => {
    const found = await poll('a replica leads', replica, (s) => s?.role === 'leader');
    if (!found) throw new Error('no replica leads');
    return found;
  };
  await status();
  return {
    kind: 'deployment',
    now,
    monotonic: () => performance.now(),
    passUntil: async (instant) => {
      if (instant < now()) throw new Error(`${new Date(instant).toISOString()} is past`);
      offset = instant - Date.now();
      await site.start(account, offset);
      await status();
    },
    wait: (ms) => sleep(ms),
    eventually: poll,
    send: (...of) => operator().askAny(...of),
    query,
    command: async (contract, body) => void (await operator().sendToLeader(contract, body)),
    clearinghouse: async (name, contract, body) =>
      void (await sendClearinghouseCommand(operator(), name, contract, body, () => {})),
    terminalServer: (version, mode) => {
      const id = terminalServerId(version, mode);
      const ts = requesting.get(id) ?? connectTerminalServer(site.profile, id);
      requesting.set(id, ts);
      return ts;
    },
    admittingServer: (version, mode) => admittingServerOf(site, now, version, mode),
    status,
    replica,
    counts: async () => {
      const { position } = await status();
      const live = await poll('Redis has what the leader has', async () => {
        const found = await readLiveCounts(own.redis);
        return found.head && found.head.sequence >= position.sequence ? found : undefined;
      });
      return describeCounts(live ?? { head: null, pools: [] });
    },
    events: async () => {
      const found = await readEvents(operator(), MAX_EVENTS);
      return found.map(({ event, about }) => `${event} ${about}`);
    },
    diagnose: async () =>
      diagnose(await observe(loadProfile(path.join(site.dataDir, 'observer.json')), undefined)),
    limitLedger: site.provision,
    copyLedger: async () => {
      const copy = path.join(site.dataDir, `older-ledger-${account}`);
      await changeStopped(site.nats, site.provision, (folder) => cpSync(folder, copy, { recursive: true }));
      return () => changeStopped(site.nats, site.provision, putBack(copy));
    },
    loseLicenseServer: async () => {
      await closeConnections();
      await site.empty();
      await site.start(account, offset);
      own = await openOperator(site);
      await status();
    },
    verify: async () => {
      const { sound, damage, violations, agreement } = await verifyLedger(operator(), 1);
      if (!sound)
        throw new Error(`the ledger is not sound: ${JSON.stringify({ damage, violations, agreement })}`);
    },
    [Symbol.asyncDispose]: async () => {
      await closeConnections();
      await site.stop();
    },
  };
};
