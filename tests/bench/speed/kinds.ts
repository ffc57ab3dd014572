// The kinds of requests, each asked through the library that a terminal server embeds: it waits for the queue's acknowledgement,
// opens the decision and verifies the license's signature and chain, as it does for every client.

import type { RowId } from '@calbus/contracts/rows';
import { connectTerminalServer } from '@calbus/operator-client/terminal-server-connection';
import type { Profile } from '@calbus/operator-client/profile';
import type { LicenseRequest, TerminalServer } from '@calbus/terminal-server/client';
import { hardwareId, type Family, type Sizes } from './families.ts';
import type { Act } from './load.ts';

export type Kind = {
  readonly name: string;
  readonly about: string;
  readonly grants: 'license' | 'word';
  /** Rejects where another row decided than is measured. */
  readonly act: Act;
  /** How many can be asked before the answers would be others. */
  readonly left: () => number;
};

export type Kinds = {
  readonly all: readonly Kind[];
  readonly of: (name: string) => Kind;
  readonly close: () => Promise<void>;
};

const asked = (family: Family, n: number): LicenseRequest => ({
  device: { hardwareId: hardwareId(family, n), name: `${family}-${n}` },
});

export const connectKinds = async (profile: Profile, sizes: Sizes): Promise<Kinds> => {
  const plenty = await connectTerminalServer(profile, 'plenty');
  const scarce = await connectTerminalServer(profile, 'scarce');
  const users = await connectTerminalServer(profile, 'users');

  const kind = (
    name: string,
    about: string,
    row: RowId,
    o: {
      readonly server: TerminalServer;
      readonly ask: (n: number) => LicenseRequest;
      readonly most?: number;
      readonly grants?: Kind['grants'];
    },
  ): Kind => {
    let next = 0;
    return {
      name,
      about,
      grants: o.grants ?? 'license',
      act: async () => {
        const decision = await o.server.request(o.ask(next++));
        if (decision.row !== row) throw new Error(`${decision.row} decided, not ${row}.`);
      },
      left: () => (o.most ?? Infinity) - next,
    };
  };
  const all = [
    kind('new', 'a new device: a temporary license', 'D4', {
      server: plenty,
      ask: (n) => asked('fresh', n),
    }),
    kind('upgrade', 'its log-on was reported: a full license, a CAL is taken', 'D6', {
      server: plenty,
      ask: (n) => asked('upgrade', n),
      most: sizes.upgrade,
    }),
    kind('known', 'it holds a full license: the same again', 'D13', {
      server: plenty,
      ask: (n) => asked('known', n % sizes.known),
    }),
    kind('renewal', 'its full license ends within the lead: renewed', 'D2', {
      server: plenty,
      ask: (n) => asked('renewal', n),
      most: sizes.renewal,
    }),
    kind('refusal', 'no CAL is free: refused', 'D10', {
      server: scarce,
      ask: (n) => asked('refused', n % sizes.refused),
      grants: 'word',
    }),
    kind('per user', 'a user, let in from any device', 'U1', {
      server: users,
      ask: (n) => ({
        ...asked('known', n % sizes.known),
        user: { name: `user-${n % sizes.known}`, domain: 'EXAMPLE', authenticatedBy: 'pam' },
      }),
      grants: 'word',
    }),
  ];
  return {
    all,
    of: (name) => {
      const found = all.find((k) => k.name === name);
      if (!found) throw new Error(`There is no kind of request "${name}".`);
      return found;
    },
    close: async () => {
      for (const server of [plenty, scarce, users]) await server.close();
    },
  };
};
