// A real nats-server with the accounts and users that calbus renders, its streams, and two terminal servers; and connections that
// remember every refusal the server sends them.

import { connect, Events, nkeyAuthenticator, type NatsConnection } from 'nats';
import { identities, roles, terminalServerPermissions, type Role } from '@calbus/contracts/identities';
import type { Account } from '@calbus/contracts/streams';
import { testBus } from '@calbus/test-support/nats-bus';

export const terminalServers = ['ts1', 'ts2'] as const;
export type Identity = Role | (typeof terminalServers)[number];
export const allIdentities: readonly Identity[] = [...roles, ...terminalServers];

const isRole = (who: Identity): who is Role => who in identities;

export const accountOf = (who: Identity): Account => (isRole(who) ? identities[who].account : 'TS');
export const inboxOf = (who: Identity): string =>
  isRole(who) ? identities[who].inbox : terminalServerPermissions(who).inbox;

export type Peer = {
  readonly nc: NatsConnection;
  /** "publish <subject>" or "subscription <subject>", as the server refused them since the connection was made. */
  readonly refused: ReadonlySet<string>;
  /** Resolves when the server has answered everything sent so far, refusals included. */
  readonly settle: () => Promise<void>;
};

export type SecurityHarness = AsyncDisposable & {
  readonly url: string;
  readonly as: (who: Identity) => Promise<Peer>;
};

export const startSecurityHarness = async (): Promise<SecurityHarness> => {
  const bus = await testBus(terminalServers);
  const open: NatsConnection[] = [];

  const as = async (who: Identity): Promise<Peer> => {
    const nc = await connect({
      servers: bus.url,
      name: who,
      authenticator: nkeyAuthenticator(
        new TextEncoder().encode(bus.seed(isRole(who) ? who : { terminalServer: who })),
      ),
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
    url: bus.url,
    as,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(open.map((nc) => nc.close()));
      await bus[Symbol.asyncDispose]();
    },
  };
};
