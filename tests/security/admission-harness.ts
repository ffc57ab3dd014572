// NATS as a deployment runs it, alone or as three nodes, and the registrar's command; nothing else of calbus.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect, Events, nkeyAuthenticator, type NatsConnection } from 'nats';
import { terminalServerInbox } from '@calbus/contracts/identities';
import { prepareDeployment, writeProfile, type Deployment } from '@calbus/local/deployment';
import { provisionNats } from '@calbus/local/startup';
import type { ManagedServer } from '@calbus/local/servers/managed-server';
import { startNats, startNatsCluster } from '@calbus/local/servers/nats';
import { runMain, type CommandResult } from '../support/command.ts';

export type WatchedConnection = {
  readonly nc: NatsConnection;
  /** How often its connection was lost. */
  readonly lost: () => number;
};

export type AdmissionHarness = AsyncDisposable & {
  readonly dir: string;
  readonly deployment: Deployment;
  readonly nodes: readonly ManagedServer[];
  readonly url: string;
  readonly file: (name: string) => string;
  /** Runs `calbus terminal-server …` with the registrar's profile. */
  readonly registrar: (...args: string[]) => Promise<CommandResult>;
  /** Runs `calbus …` with this profile. */
  readonly calbus: (profile: string, ...args: string[]) => Promise<CommandResult>;
  readonly connectAs: (id: string, seedFile: string, url?: string) => Promise<WatchedConnection>;
};

const started = {
  ts1: { mode: 'per-device', version: '2003' },
  ts2: { mode: 'per-user', version: '2003' },
} as const;

export const startAdmissionHarness = async (
  o: { readonly cluster?: boolean } = {},
): Promise<AdmissionHarness> => {
  const dir = mkdtempSync(path.join(tmpdir(), 'calbus-admission-'));
  const deployment = prepareDeployment(dir, started);
  const options = { dataDir: path.join(dir, 'nats'), ...deployment.configuration.nats };
  const nodes = o.cluster ? (await startNatsCluster(options)).nodes : [await startNats(options)];
  const url = nodes.map((n) => n.url).join();
  const open: NatsConnection[] = [];
  await provisionNats(url, deployment, nodes.length);
  const nowhere = { url: 'redis://127.0.0.1:1' };
  writeProfile(deployment, { nats: { url }, redis: nowhere, rabbitmq: nowhere });
  const file = (name: string): string => path.join(dir, name);
  const calbus = (profile: string, ...args: string[]): Promise<CommandResult> =>
    runMain('services/cli/src/main.ts', ['--profile', file(`${profile}.json`), ...args]);
  return {
    dir,
    deployment,
    nodes,
    url,
    file,
    calbus,
    registrar: (...args) => calbus('registrar', 'terminal-server', ...args),
    connectAs: async (id, seedFile, at = url) => {
      const nc = await connect({
        servers: at.split(','),
        authenticator: nkeyAuthenticator(new TextEncoder().encode(readFileSync(seedFile, 'utf8').trim())),
        inboxPrefix: terminalServerInbox(id),
        maxReconnectAttempts: 5,
        reconnectTimeWait: 100,
      });
      open.push(nc);
      let lost = 0;
      const statuses = nc.status();
      void (async () => {
        for await (const s of statuses) if (s.type === Events.Disconnect) lost += 1;
      })();
      return { nc, lost: () => lost };
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(open.map((nc) => nc.close()));
      await Promise.all(nodes.map((n) => n.stop()));
      rmSync(dir, { recursive: true, force: true });
    },
  };
};
