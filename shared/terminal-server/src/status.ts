// The status of a terminal server and of its license servers, as the library reports it.

import type { Grace } from '@calbus/contracts/ledger';
import type { TerminalServerSettings } from '@calbus/contracts/settings';
import { settingsOf } from './domain/trust-snapshot.ts';
import type { LicenseServers } from './failover.ts';
import type { LicenseServer } from './license-server.ts';
import type { LinkState } from './link.ts';
import type { PersistedState } from './persisted-state.ts';

export type LicenseServerStatus = {
  readonly name: string | null;
  readonly link: LinkState;
  /** Null before the first trust snapshot of this license server. */
  readonly licenseServerId: string | null;
  readonly generation: string | null;
  /** The number of its licenses that are known to have ended early. */
  readonly ended: number;
};

/** `link`, `generation` and `ended` describe the first license server. */
export type TerminalServerStatus = {
  readonly link: LinkState;
  /** The state of the grace period; null before the first client. */
  readonly grace: Grace;
  /** The generation in the last trust snapshot; null before the first. */
  readonly generation: string | null;
  /** The settings in force. */
  readonly settings: TerminalServerSettings;
  /** The number of licenses that are known to have ended early. */
  readonly ended: number;
  readonly further: readonly LicenseServerStatus[];
  /** The numbers of reports that no decision has confirmed yet. */
  readonly waiting: { readonly logOns: number; readonly relearns: number };
  /** Why the last write to the store failed; null if it succeeded. */
  readonly unsaved: string | null;
};

const statusOf = (s: LicenseServer): LicenseServerStatus => {
  const { trust } = s.state.now();
  return {
    name: s.name,
    link: s.link.state(),
    licenseServerId: trust?.licenseServerId ?? null,
    generation: trust?.generation ?? null,
    ended: trust?.ended.length ?? 0,
  };
};

export const terminalServerStatus = (
  servers: LicenseServers,
  state: PersistedState,
  grace: Grace,
): TerminalServerStatus => {
  const [first, ...further] = servers.all.map(statusOf);
  const unconfirmed = servers.all.map((s) => s.reports.unconfirmed());
  return {
    link: first?.link ?? { kind: 'away', why: 'closed' },
    grace,
    generation: first?.generation ?? null,
    settings: settingsOf(servers.trust()),
    ended: first?.ended ?? 0,
    further,
    waiting: {
      logOns: unconfirmed.reduce((sum, w) => sum + w.logOns, 0),
      relearns: unconfirmed.reduce((sum, w) => sum + w.relearns, 0),
    },
    unsaved: state.unsaved(),
  };
};
