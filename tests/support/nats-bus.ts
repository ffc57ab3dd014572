// A calbus NATS server as in production: accounts, identities, streams; with a connection as any identity.

import { mkdtempSync, rmSync } from 'node:fs';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect, nkeyAuthenticator, type NatsConnection } from 'nats';
import { identities, terminalServerInbox, type Role } from '@calbus/contracts/identities';
import type { ManagedServer } from '@calbus/local/servers/managed-server';
import { natsConfig } from '../../deploy/nats/config.ts';
import { ensureKeys, seedFile, terminalServerSeedFile } from '../../deploy/nats/keys.ts';
import { provision } from '../../deploy/nats/provision.ts';
import { testNats } from './servers.ts';

export type TestIdentity = Role | { readonly terminalServer: string };

export type TestBus = {
  readonly server: ManagedServer;
  readonly url: string;
  readonly seedFile: (who: TestIdentity) => string;
  readonly seed: (who: TestIdentity) => string;
  /** A connection as this identity; closed with the bus. */
  readonly connectAs: (who: TestIdentity) => Promise<NatsConnection>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

export const inboxOf = (who: TestIdentity): string =>
  typeof who === 'string' ? identities[who].inbox : terminalServerInbox(who.terminalServer);

/** Starts NATS with every role, these terminal servers, and all streams. `syncAlways` is asked at each start of the server. */
export const testBus = async (
  terminalServers: readonly string[] = ['ts1', 'ts2'],
  syncAlways: () => boolean = () => true,
): Promise<TestBus> => {
  const dir = mkdtempSync(path.join(tmpdir(), 'calbus-keys-'));
  const keys = ensureKeys(dir, terminalServers);
  const fileOf = (who: TestIdentity): string =>
    typeof who === 'string' ? seedFile(dir, who) : terminalServerSeedFile(dir, who.terminalServer);
  const server = await testNats({
    config: (place) => natsConfig({ ...place, syncAlways: syncAlways(), keys }),
  });
  const connections: NatsConnection[] = [];
  const seed = (who: TestIdentity): string => readFileSync(fileOf(who), 'utf8').trim();
  const connectAs = async (who: TestIdentity): Promise<NatsConnection> => {
    const nc = await connect({
      servers: server.url,
      authenticator: nkeyAuthenticator(new TextEncoder().encode(seed(who))),
      inboxPrefix: inboxOf(who),
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
    });
    connections.push(nc);
    return nc;
  };
  const seeds = { provisioner: seed('provisioner'), 'provisioner-ledger': seed('provisioner-ledger') };
  await provision({ servers: [server.url], seeds, replicas: 1, say: () => {} });
  return {
    server,
    url: server.url,
    seedFile: fileOf,
    seed,
    connectAs,
    [Symbol.asyncDispose]: async () => {
      for (const nc of connections) await nc.close();
      await server[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true, force: true });
    },
  };
};
