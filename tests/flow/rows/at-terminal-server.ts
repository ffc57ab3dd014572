// A terminal server of a story that lets clients in by its own rows: its clock is moved with the license server's, its wire to NATS
// can be cut, and it can be started again on what it kept.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ProductVersion } from '@calbus/contracts/versions';
import { readSecret, terminalServerSeedFile } from '@calbus/operator-client/profile';
import {
  connect,
  type Admission,
  type LicenseRequest,
  type TerminalServer,
  type TerminalServerMode,
} from '@calbus/terminal-server/client';
import { fileStore } from '@calbus/terminal-server/file-store';
import { startFaultProxy } from '@calbus/test-support/fault-proxy';
import { eventually } from '@calbus/test-support/eventually';
import { hw } from '../system.ts';
import type { Device } from './clients.ts';
import { terminalServerId, type RowSystem } from './row-system.ts';

export type AtTerminalServer = {
  /** As it runs now. */
  readonly server: () => TerminalServer;
  /** The device connects, presents what it keeps, and keeps what it is given. */
  readonly admits: (desk: Device) => Promise<Admission>;
  readonly admitsUser: (name: string, authenticatedBy?: string) => Promise<Admission>;
  /** No packet passes between it and NATS any more. */
  readonly cut: () => void;
  /** Resolves once it is connected and knows whom to trust now. */
  readonly restore: () => Promise<void>;
  /** Started again, on what it kept. */
  readonly restart: () => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

export type Configured = {
  readonly version: ProductVersion;
  /** `none`: no licensing mode is configured. */
  readonly mode: TerminalServerMode | 'none';
};

export const atTerminalServer = async (
  s: RowSystem,
  { version, mode }: Configured,
): Promise<AtTerminalServer> => {
  const id = terminalServerId(version, mode === 'per-user' ? 'per-user' : 'per-device');
  const seedFile = terminalServerSeedFile(s.profile, id);
  const { hostname, port } = new URL(s.profile.natsUrl);
  const wire = await startFaultProxy({ host: hostname, port: Number(port) });
  const store = path.join(path.dirname(seedFile), `${id}.${mode}.kept.json`);
  const start = (): Promise<TerminalServer> =>
    connect({
      servers: `nats://${wire.host}:${wire.port}`,
      seed: readSecret(seedFile),
      terminalServerId: id,
      ...(mode === 'none' ? {} : { mode }),
      version,
      roots: [readFileSync(s.profile.clearinghouseRootFile, 'utf8')],
      store: fileStore(store),
      now: s.now,
      // A cut wire is noticed at once, so that nothing is gained by waiting longer for an answer that cannot come.
      waitsMs: 3_000,
      againMs: 500,
    });
  let server = await start();
  const ask = (a: LicenseRequest): Promise<Admission> => server.admit(a);

  return {
    server: () => server,
    admits: async (desk) => {
      const { hardwareId, name, store: presented } = desk;
      const a = await ask({
        device: { hardwareId, name },
        ...(presented === undefined ? {} : { presented: presented.license }),
      });
      const outcome = a.decision?.outcome;
      if (a.license !== null && outcome?.kind === 'license')
        desk.store = { license: a.license, licenseId: outcome.licenseId };
      return a;
    },
    admitsUser: (name, authenticatedBy) =>
      ask({
        device: { hardwareId: hw(1), name: 'desk-1' },
        user: { name, domain: 'EXAMPLE', ...(authenticatedBy === undefined ? {} : { authenticatedBy }) },
      }),
    cut: wire.cut,
    restore: async () => {
      wire.restore();
      const connected = { kind: 'connected' };
      await eventually('it is connected again', () => server.status().link, {
        accept: (link) => isDeepStrictEqual(link, connected),
      });
    },
    restart: async () => {
      await server.close();
      server = await start();
    },
    [Symbol.asyncDispose]: async () => {
      await server.close();
      await wire[Symbol.asyncDispose]();
    },
  };
};

/** The row, and how it ended: `D1 let in`, `G1 let in, 29 days left`, `D12 NO_LICENSE_AVAILABLE`. */
export const said = (a: Admission): string => {
  if (!a.admit) return `${a.row} ${a.refusal.code}`;
  return `${a.row} let in${a.graceDaysLeft === null ? '' : `, ${a.graceDaysLeft} days left`}`;
};

/** What the license server decided where it was asked; undefined where it was not, or was not reached. */
export const decidedBy = (a: Admission): string | undefined => a.decision?.row;

/** How far the ledger is: the same before and after where the license server was not asked. */
export const ledgerAt = async (s: RowSystem): Promise<number> => (await s.status()).position.sequence;
