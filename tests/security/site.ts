// A real nats-server with the accounts and users that calbus renders, its streams, and two terminal servers; and connections that
// remember every refusal the server sends them.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect, Events, nkeyAuthenticator, type NatsConnection } from 'nats';
import { identities, roles, terminalServerPermissions, type Role } from '@calbus/contracts/identities';
import { testNats } from '@calbus/testkit/servers';
import { natsConfig } from '../../deploy/nats/config.ts';
import { keepKeys, seedFile, terminalServerSeedFile } from '../../deploy/nats/keys.ts';
import { provision } from '../../deploy/nats/provision.ts';

export const terminalServers = ['ts1', 'ts2'] as const;
export type Who = Role | (typeof terminalServers)[number];
export const everybody: readonly Who[] = [...roles, ...terminalServers];

const isRole = (who: Who): who is Role => who in identities;

export const accountOf = (who: Who): 'TS' | 'CAL' | 'LEDGER' =>
  isRole(who) ? identities[who].account : 'TS';
export const inboxOf = (who: Who): string =>
  isRole(who) ? identities[who].inbox : terminalServerPermissions(who).inbox;

export type Peer = {
  readonly nc: NatsConnection;
  /** "publish <subject>" or "subscription <subject>", as the server refused them since the connection was made. */
  readonly refused: ReadonlySet<string>;
  /** Resolves when the server has answered everything sent so far, refusals included. */
  readonly settle: () => Promise<void>;
};

export type Site = AsyncDisposable & {
  readonly url: string;
  readonly as: (who: Who) => Promise<Peer>;
};

export const startSite = async (): Promise<Site> => {
  const directory = mkdtempSync(path.join(tmpdir(), 'calbus-security-'));
  const keys = keepKeys(directory, terminalServers);
  const server = await testNats({ config: (place) => natsConfig({ ...place, syncAlways: false, keys }) });
  const seed = (file: string): string => readFileSync(file, 'utf8').trim();
  await provision({
    servers: [server.url],
    seeds: {
      provisioner: seed(seedFile(directory, 'provisioner')),
      'provisioner-ledger': seed(seedFile(directory, 'provisioner-ledger')),
    },
    replicas: 1,
    say: () => {},
  });
  const open: NatsConnection[] = [];

  const as = async (who: Who): Promise<Peer> => {
    const file = isRole(who) ? seedFile(directory, who) : terminalServerSeedFile(directory, who);
    const nc = await connect({
      servers: server.url,
      name: who,
      authenticator: nkeyAuthenticator(new TextEncoder().encode(seed(file))),
      inboxPrefix: inboxOf(who),
      reconnect: false,
    });
    open.push(nc);
    const refused = new Set<string>();
    const statuses = nc.status();
    void (async () => {
      for await (const s of statuses) {
        if (s.type === Events.Error && s.permissionContext) {
          refused.add(`${s.permissionContext.operation} ${s.permissionContext.subject}`);
        }
      }
    })();
    const settle = async (): Promise<void> => {
      await nc.flush();
      // The client hands its status events over one turn later.
      await new Promise((resolve) => setImmediate(resolve));
    };
    return { nc, refused, settle };
  };

  return {
    url: server.url,
    as,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(open.map((nc) => nc.close()));
      await server[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    },
  };
};
