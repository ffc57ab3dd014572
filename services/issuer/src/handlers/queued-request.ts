// A request of a terminal server in the queue, and the ways in which it leaves it without a decision.

import type { Fault } from '@calbus/contracts/faults';
import { parseLicenseSubject } from '@calbus/contracts/subjects';
import { token } from '@calbus/contracts/tokens';
import type { Clock } from '@calbus/runtime/clock';
import type { DeadLetters } from '@calbus/runtime/dead-letters';
import type { Log } from '@calbus/runtime/log';
import { z } from 'zod';
import type { RequestCommand } from '../domain/parse-request.ts';
import type { Inventory, QueuedMessage, RequestMetrics, Signer, TerminalServers } from '../ports.ts';
import type { AckGroup } from './ack-group.ts';

export type RequestDeps = {
  readonly clock: Clock;
  readonly log: Log;
  readonly dead: DeadLetters;
  readonly inventory: Inventory;
  readonly terminalServers: TerminalServers;
  readonly signer: Signer;
  readonly counts: RequestMetrics;
};

/** The message that carried a request, as its decision names it. */
export type RequestSource = {
  readonly queued: QueuedMessage;
  readonly id: string;
  readonly terminalServerId: string;
  /** The message carried several requests; one message answers them. */
  readonly together: boolean;
};

/** A request that decodes and is in time. */
export type QueuedRequest = {
  readonly source: RequestSource;
  readonly ack: AckGroup;
  readonly requestId: string;
  readonly command: RequestCommand;
};

const RETRY_DELAY_MS = 200;
/** The dead letter could not be stored. */
const DEAD_LETTER_RETRY_DELAY_MS = 1_000;
const MAX_SAYS = 500;
const withRequestId = z.object({ body: z.object({ requestId: token }) });

/** The request id of a message that does not decode, if it has one: its sender is told of the fault. */
const requestIdIn = (bytes: Uint8Array): string | undefined => {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return withRequestId.safeParse(value).data?.body.requestId;
  } catch {
    return undefined;
  }
};

export const retryLater = ({ counts }: RequestDeps, ack: AckGroup): void => {
  counts.retried();
  ack.retry(RETRY_DELAY_MS);
};

/** `requestId` and `ack`: of the one request that is a dead letter. The other requests of its message are not affected. */
export const deadLetter = async (
  deps: RequestDeps,
  message: QueuedMessage,
  cause: Fault,
  requestId = requestIdIn(message.bytes),
  ack: AckGroup = message,
): Promise<void> => {
  const { subject, deliveries, bytes } = message;
  if (!(await deps.dead.put({ subject, fault: cause, deliveries, bytes }))) {
    ack.retry(DEAD_LETTER_RETRY_DELAY_MS);
    return;
  }
  const terminalServerId = parseLicenseSubject(subject)?.terminalServerId;
  if (terminalServerId !== undefined && requestId !== undefined) {
    const { code, detail } = cause;
    deps.terminalServers.publishFault({ requestId, terminalServerId, code, says: detail.slice(0, MAX_SAYS) });
  }
  ack.acknowledge();
};
