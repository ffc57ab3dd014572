// The world in which a scenario of a rule is told: a license server, its Clearinghouse, terminal servers and an operator. In process
// (in-process/world.ts) it takes milliseconds; as a deployment (deployment/world.ts) it has the real servers and services.

import type { InventoryCommand } from '@calbus/contracts/inventory-interface';
import type { Purchase } from '@calbus/contracts/purchases';
import type { Body, Contract, Message } from '@calbus/contracts/envelope';
import type { inventoryStatus } from '@calbus/contracts/inventory-status-messages';
import type { LicensingMode } from '@calbus/contracts/tokens';
import { productVersions, type ProductVersion } from '@calbus/contracts/versions';
import type { LiaisonCommandName } from '@calbus/contracts/subjects';
import type { Finding } from '@calbus/operator-client/diagnosis/findings';
import type { TerminalServer, TerminalServerMode } from '@calbus/terminal-server/client';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

export type Cals = Pick<Purchase, 'version' | 'mode' | 'quantity'>;
export type InventoryStatus = Body<typeof inventoryStatus>;

/** A terminal server that admits clients by its own rows. Its connection can be cut, and it can be restarted on what it stored. */
export type AdmittingServer = {
  readonly server: () => TerminalServer;
  readonly cut: () => void;
  /** Resolves once it is connected again. */
  readonly restore: () => Promise<void>;
  readonly restart: () => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

export type Poll<T> = () => T | Promise<T>;

export type World = {
  /** Where it takes place, for the few words of a scenario that depend on it. */
  readonly kind: 'in process' | 'deployment';
  /** The clock of the license server and of terminal servers, epoch milliseconds. */
  readonly now: () => number;
  /** Milliseconds that pass while the scenario waits. */
  readonly monotonic: () => number;
  /** Moves the clock, with a restart of the license server. Not to the past. */
  readonly passUntil: (instant: number) => Promise<void>;
  /** Lets this many milliseconds pass without a restart. */
  readonly wait: (ms: number) => Promise<void>;
  /** Polls until the value is accepted (default: truthy). Throws if that takes long. */
  readonly eventually: <T>(what: string, poll: Poll<T>, accept?: (value: T) => boolean) => Promise<T>;
  /** A request on a subject, as an operator. */
  readonly send: <C extends Contract, A extends Contract>(
    subject: string,
    contract: C,
    body: Body<C>,
    answers: readonly A[],
  ) => Promise<Message<A>>;
  /** A query to inventory, as an operator. */
  readonly query: <C extends Contract, A extends Contract>(
    name: string,
    contract: C,
    body: Body<C>,
    answer: A,
  ) => Promise<Message<A>['body']>;
  /** A command to the inventory leader, as an operator. Throws a Problem with the code of a refusal. */
  readonly command: <C extends InventoryCommand<'operate'>>(contract: C, body: Body<C>) => Promise<void>;
  /** A command to the Clearinghouse through the liaison, followed to its end. Throws a Problem with the code of a rejection. */
  readonly clearinghouse: <C extends Contract>(
    name: LiaisonCommandName,
    contract: C,
    body: Omit<Body<C>, 'commandId' | 'by'>,
  ) => Promise<void>;
  /** The library of a terminal server that only requests licenses; one for each version and mode. */
  readonly terminalServer: (version: ProductVersion, mode: LicensingMode) => Promise<TerminalServer>;
  /** `none`: no licensing mode is configured. */
  readonly admittingServer: (
    version: ProductVersion,
    mode: TerminalServerMode | 'none',
  ) => Promise<AdmittingServer>;
  /** The status of a replica that leads. */
  readonly status: () => Promise<InventoryStatus>;
  /** The status of a replica, whether it leads or not. */
  readonly replica: () => Promise<InventoryStatus | undefined>;
  /** The counts of all pools in words. */
  readonly counts: () => Promise<string>;
  /** The events so far, each with its subject: `QUOTA terminal server ts-2003`. */
  readonly events: () => Promise<readonly string[]>;
  /** The findings of `calbus diagnose`, as an observer. */
  readonly diagnose: () => Promise<readonly Finding[]>;
  /** The ledger may use this number of bytes from now on. */
  readonly limitLedger: (maxBytes: number) => Promise<void>;
  /** Copies the ledger. The returned function puts the copy in the place of the ledger. */
  readonly copyLedger: () => Promise<() => Promise<void>>;
  /** Loses the license server with all its data; a new one takes its place, for which the same account and agreement hold. */
  readonly loseLicenseServer: () => Promise<void>;
  /** Throws unless an independent reading of the ledger finds it sound. */
  readonly verify: () => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/** The id of the terminal server of this version and mode. */
export const terminalServerId = (version: ProductVersion, mode: TerminalServerMode | 'none'): string =>
  `${mode === 'per-user' ? 'user-ts' : 'ts'}-${version}`;

/** The agreement on which all CALs of a scenario are bought. It covers more than any scenario needs. */
export const agreement = {
  program: 'select',
  agreementNumber: '1234567',
  company: 'Example Ltd',
  covers: productVersions.flatMap((version) => [
    { version, mode: 'per-device' as const, quantity: 100_000 },
    { version, mode: 'per-user' as const, quantity: 100_000 },
  ]),
} as const;
