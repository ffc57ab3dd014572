// A batch of the queue, in one order: parse, ask the leader, sign, publish, acknowledge. A crash before the acknowledgement means
// redelivery, and the request id gives the same outcome.

import { MAX_ALLOCATIONS, type Allocation, type Outcome } from '@calbus/contracts/allocation-messages';
import { fault, faultOf, type Fault } from '@calbus/contracts/faults';
import { errorFacts } from '@calbus/runtime/log';
import type { RequestCommand } from '../domain/parse-request.ts';
import type { QueuedMessage } from '../ports.ts';
import { deliverDecisions } from './decision-delivery.ts';
import { parseMessage } from './message-intake.ts';
import { deadLetter, retryLater, type QueuedRequest, type RequestDeps } from './queued-request.ts';

const ACK_EXTENSION_INTERVAL_MS = 2_000;
/** A request that faults this often is a dead letter. */
const MAX_FAULTS = 3;
const MAX_LOGGED_IDS = 10;

/** A refusal of the issuer itself, true at the latest position of the ledger that it knows. Undefined while it knows none. */
const refusalOf = (
  { inventory, clock }: RequestDeps,
  { requestId, row, code }: Extract<RequestCommand, { kind: 'refuse' }>,
): Outcome | undefined => {
  const position = inventory.position();
  return position && { requestId, row, decidedAt: clock.now(), position, outcome: { kind: 'refused', code } };
};

/** Faults of the leader or the wire, which no request causes. */
const isTransient = ({ code }: Fault): boolean =>
  code === 'NO_LEADER' || code === 'NOT_LEADER' || code === 'UNREACHABLE' || code === 'TIMEOUT';

const allocationsOf = (requests: readonly QueuedRequest[]): Allocation[] =>
  requests.flatMap(({ command }) => (command.kind === 'allocate' ? [command.allocation] : []));

const faultOfBatch = ({ log }: RequestDeps, requests: readonly QueuedRequest[], error: unknown): Fault => {
  const known = faultOf(error);
  if (known) return known;
  const requestIds = requests.slice(0, MAX_LOGGED_IDS).map((r) => r.requestId);
  log.error({ requestIds, requests: requests.length, ...errorFacts(error) }, 'a batch of requests failed');
  return fault('HANDLER_FAILED');
};

/**
 * Allocates all requests at once. If the leader fails on them, each half is allocated alone, so that a request that the leader
 * cannot handle affects no other. The leader repeats what it has decided already.
 */
const allocate = async (deps: RequestDeps, requests: readonly QueuedRequest[]): Promise<void> => {
  try {
    deliverDecisions(deps, requests, await deps.inventory.allocate(allocationsOf(requests)));
  } catch (error) {
    const cause = faultOfBatch(deps, requests, error);
    if (!isTransient(cause) && requests.length > 1) {
      const half = requests.length >> 1;
      await allocate(deps, requests.slice(0, half));
      await allocate(deps, requests.slice(half));
      return;
    }
    for (const { source, ack, requestId } of requests) {
      if (isTransient(cause) || source.queued.deliveries < MAX_FAULTS) retryLater(deps, ack);
      else await deadLetter(deps, source.queued, cause, requestId, ack);
    }
  }
};

/** Extends the queue's wait for acknowledgements until `handled` aborts. */
const extendAckWaits = async (
  { clock }: RequestDeps,
  requests: readonly QueuedRequest[],
  handled: AbortSignal,
): Promise<void> => {
  for (;;) {
    await clock.sleep(ACK_EXTENSION_INTERVAL_MS, handled);
    if (handled.aborted) return;
    for (const message of new Set(requests.map((r) => r.source.queued))) message.extendAckWait();
  }
};

/** Handles one batch; never rejects. Afterwards each message is acknowledged or delivered again. */
export const handleBatch = async (deps: RequestDeps, batch: readonly QueuedMessage[]): Promise<void> => {
  const requests = (await Promise.all(batch.map((message) => parseMessage(deps, message)))).flat();
  deps.counts.batchSize(requests.length);
  const refused = requests.filter((r) => r.command.kind === 'refuse');
  const refusals = refused.map(({ command }) =>
    command.kind === 'refuse' ? refusalOf(deps, command) : undefined,
  );
  deliverDecisions(deps, refused, refusals);
  const allocated = requests.filter((r) => r.command.kind === 'allocate');
  if (allocated.length === 0) return;
  const handled = new AbortController();
  void extendAckWaits(deps, allocated, handled.signal);
  try {
    for (let at = 0; at < allocated.length; at += MAX_ALLOCATIONS)
      await allocate(deps, allocated.slice(at, at + MAX_ALLOCATIONS));
  } finally {
    handled.abort(null); // without a reason of its own the platform creates an error for each abort
  }
};
