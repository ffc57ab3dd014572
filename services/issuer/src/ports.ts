// What the issuer's handlers need of the outside, in their own words.

import type { Allocation, Outcome } from '@calbus/contracts/allocation-messages';
import type { LicenseFacts } from '@calbus/contracts/license';
import type { LedgerPosition } from '@calbus/contracts/tokens';
import type { Body } from '@calbus/contracts/envelope';
import type { licenseDecision, licenseFault } from '@calbus/contracts/terminal-server-messages';
import type { LicenseCheck } from '@calbus/licenses/verifier';

/** One message of the queue. Exactly one of the last three is called for each. */
export type QueuedMessage = {
  readonly subject: string;
  readonly bytes: Uint8Array;
  /** When the queue stored it, epoch milliseconds. */
  readonly storedAt: number;
  /** 1 at the first delivery. */
  readonly deliveries: number;
  /** Asks the queue for more time. */
  readonly extendAckWait: () => void;
  readonly acknowledge: () => void;
  readonly retry: (delayMs: number) => void;
};

/** What happens to requests, for whoever watches the service. */
export type RequestMetrics = {
  /** So many were taken at once. */
  readonly batchSize: (size: number) => void;
  readonly received: (kind: 'request' | 'validated' | 'relearn' | 'stands') => void;
  readonly expired: () => void;
  /** It comes again. */
  readonly retried: () => void;
  /** `ms`: since it was queued. */
  readonly decided: (decision: Body<typeof licenseDecision>, ms: number) => void;
};

export type Inventory = {
  /** The leader's answers in the order of the items. Rejects with a fault. */
  readonly allocate: (items: readonly Allocation[]) => Promise<readonly Outcome[]>;
  /** The newest place of the ledger that was heard of. */
  readonly position: () => LedgerPosition | undefined;
};

export type TerminalServers = {
  /** What was decided on requests of one message: of one by itself, of several `together`. */
  readonly publishDecisions: (
    decisions: readonly Body<typeof licenseDecision>[],
    asked: { readonly id: string; readonly together: boolean },
    /** One signature for the licenses in them, where there is one. */
    signedTogether?: string,
  ) => void;
  readonly publishFault: (fault: Body<typeof licenseFault>) => void;
};

export type Signer = {
  /** The signed license; undefined while there is no key that may sign it. `fresh`: it was signed now; else it is from the cache. */
  readonly sign: (facts: LicenseFacts) => { readonly license: string; readonly fresh: boolean } | undefined;
  /** One signature for licenses that were signed here; undefined where there is no key that signed them all, or nothing to be gained. */
  readonly signBatch: (licenses: readonly string[]) => string | undefined;
  /** `chain`: of its issuing key, as whoever shows it gave it. `unknown` is said only until what is trusted here is newer than its being shown. */
  readonly verify: (license: string, chain?: readonly string[]) => LicenseCheck;
};
