// The ports of the issuer's handlers.

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

/** The metrics of requests. */
export type RequestMetrics = {
  /** The number of requests in a batch. */
  readonly batchSize: (size: number) => void;
  readonly received: (kind: 'request' | 'validated' | 'relearn' | 'stands') => void;
  readonly expired: () => void;
  /** The queue delivers it again. */
  readonly retried: () => void;
  /** `ms`: from the queue's receipt to the decision. */
  readonly decided: (decision: Body<typeof licenseDecision>, ms: number) => void;
};

export type Inventory = {
  /** The leader's answers in the order of the items. Rejects with a fault. */
  readonly allocate: (items: readonly Allocation[]) => Promise<readonly Outcome[]>;
  /** The latest position of the ledger that the issuer knows. */
  readonly position: () => LedgerPosition | undefined;
};

export type TerminalServers = {
  /** Publishes the decisions on the requests of one message: in one message if that message carried several. */
  readonly publishDecisions: (
    decisions: readonly Body<typeof licenseDecision>[],
    asked: { readonly id: string; readonly together: boolean },
    /** One signature for all licenses in the decisions, if there is one. */
    signedTogether?: string,
  ) => void;
  readonly publishFault: (fault: Body<typeof licenseFault>) => void;
};

export type Signer = {
  /** The signed license; undefined while no key may sign it. `fresh`: it was signed now; else it is from the cache. */
  readonly sign: (facts: LicenseFacts) => { readonly license: string; readonly fresh: boolean } | undefined;
  /** One signature for licenses that were signed here. Undefined if different keys signed them, or for fewer than two. */
  readonly signBatch: (licenses: readonly string[]) => string | undefined;
  /** `chain`: of its issuing key, as the request carries it. `unknown` only until the keys here are newer than the first sight of that key. */
  readonly verify: (license: string, chain?: readonly string[]) => LicenseCheck;
};
