// What terminal servers put into the queue (license.request, validated, relearn, stands): one batch of the queue, in one order: decode, understand, ask the leader,
// sign, publish, and only then take the requests off the queue. A crash before that means redelivery, and the
// request id gives the same outcome.

import { z } from 'zod';
import { licensesIn } from '@calbus/contracts/received-decisions';
import { fault, faultOf, type Fault } from '@calbus/contracts/faults';
import type { Body } from '@calbus/contracts/envelope';
import { MAX_ALLOCATIONS, type AllocationAnswer } from '@calbus/contracts/allocation-messages';
import type { LicenseFacts } from '@calbus/contracts/license';
import { parseLicenseSubject } from '@calbus/contracts/subjects';
import type { licenseDecision } from '@calbus/contracts/terminal-server-messages';
import { token } from '@calbus/contracts/tokens';
import type { Clock } from '@calbus/runtime/clock';
import type { DeadLetters } from '@calbus/runtime/dead-letters';
import { errorFacts, type Log } from '@calbus/runtime/log';
import { decisionOf } from '../domain/decision.ts';
import type { RequestCommand } from '../domain/parse-request.ts';
import type { RequestMetrics, Inventory, QueuedMessage, Signer, TerminalServers } from '../ports.ts';
import { isVerb, kindOf, openMessage } from './messages.ts';
import { createAckGroup, type AckGroup } from './ack-group.ts';

export type RequestDeps = {
  readonly clock: Clock;
  readonly log: Log;
  readonly dead: DeadLetters;
  readonly inventory: Inventory;
  readonly terminalServers: TerminalServers;
  readonly signer: Signer;
  readonly counts: RequestMetrics;
};

/** A message as it is told to whoever sent it. */
type RequestSource = {
  readonly queued: QueuedMessage;
  readonly id: string;
  readonly terminalServerId: string;
  readonly together: boolean;
};

/** A request that decodes and is in time. */
type QueuedRequest = {
  readonly source: RequestSource;
  /** Its part of the message. */
  readonly ack: AckGroup;
  readonly requestId: string;
  readonly command: RequestCommand;
};

const RETRY_DELAY_MS = 200;
const ACK_EXTENSION_INTERVAL_MS = 2_000;
/** A message that faults this often is put aside. */
const MAX_FAULTS = 3;
/** Of a batch that failed, so many are named in the log. */
const MAX_LOGGED_IDS = 10;
/** Where it cannot be said whether the license in a message is genuine, it comes so often; then the license counts as none. */
const MAX_UNKNOWN_KEY_DELIVERIES = 10;

/** The request id of a message that does not decode, where one can be found, so that its sender can be told. */
const requestIdIn = (bytes: Uint8Array): string | undefined => {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return z.object({ body: z.object({ requestId: token }) }).safeParse(value).data?.body.requestId;
  } catch {
    return undefined;
  }
};

/** `requestId` and `part`: of the request that is put aside; of several that came together, the others go their own way. */
const deadLetter = async (
  deps: RequestDeps,
  q: QueuedMessage,
  f: Fault,
  requestId = requestIdIn(q.bytes),
  part: AckGroup = q,
): Promise<void> => {
  const { subject, deliveries, bytes } = q;
  if (!(await deps.dead.put({ subject, fault: f, deliveries, bytes }))) {
    part.retry(1_000);
    return;
  }
  const terminalServerId = parseLicenseSubject(subject)?.terminalServerId;
  if (terminalServerId !== undefined && requestId !== undefined) {
    deps.terminalServers.publishFault({
      requestId,
      terminalServerId,
      code: f.code,
      says: f.detail.slice(0, 500),
    });
  }
  part.acknowledge();
};

const isExpired = (deps: RequestDeps, q: QueuedMessage, waitsMs: number): boolean =>
  deps.clock.now() > q.storedAt + waitsMs;

const retryLater = (deps: RequestDeps, part: AckGroup): void => {
  deps.counts.retried();
  part.retry(RETRY_DELAY_MS);
};

/** The requests of a message that are to be answered; the others are seen to. */
const parseMessage = async (deps: RequestDeps, q: QueuedMessage): Promise<QueuedRequest[]> => {
  const subject = parseLicenseSubject(q.subject);
  if (!subject || !isVerb(subject.verb)) {
    await deadLetter(deps, q, fault('WRONG_SUBJECT'));
    return [];
  }
  const opened = openMessage[subject.verb](deps, q.bytes);
  if (!opened.ok) {
    deps.counts.received(kindOf(subject.verb));
    await deadLetter(deps, q, opened.fault);
    return [];
  }
  const { terminalServerId, verb } = subject;
  const { id, together, requests } = opened.message;
  const asked = { queued: q, id, terminalServerId, together };
  const parts = createAckGroup(q, requests.length);
  const taken: QueuedRequest[] = [];
  for (const { requestId, waitsMs, understand } of requests) {
    deps.counts.received(kindOf(verb));
    if (isExpired(deps, q, waitsMs)) {
      deps.counts.expired();
      parts.acknowledge(); // nobody waits for the answer any more
      continue;
    }
    const asks = understand(terminalServerId, q.deliveries < MAX_UNKNOWN_KEY_DELIVERIES);
    if (asks) taken.push({ source: asked, ack: parts, requestId, command: asks });
    else retryLater(deps, parts);
  }
  return taken;
};

/** What the issuer answers by itself, true at the newest place of the ledger it heard of. */
const ownAnswer = (
  deps: RequestDeps,
  asks: Extract<RequestCommand, { kind: 'refuse' }>,
): AllocationAnswer | undefined => {
  const position = deps.inventory.position();
  if (!position) return undefined;
  const { requestId, row, code } = asks;
  return { requestId, row, decidedAt: deps.clock.now(), position, outcome: { kind: 'refused', code } };
};

const answerAll = (
  deps: RequestDeps,
  taken: readonly QueuedRequest[],
  answers: readonly (AllocationAnswer | undefined)[],
): void => {
  const decided: {
    readonly of: QueuedRequest;
    readonly decision: Body<typeof licenseDecision>;
    readonly anew: boolean;
  }[] = [];
  for (const [i, t] of taken.entries()) {
    const answer = answers[i];
    let anew = false;
    const sign = (facts: LicenseFacts): string | undefined => {
      const signed = deps.signer.sign(facts);
      anew = signed?.anew === true;
      return signed?.license;
    };
    const decision = answer && decisionOf(t.source.terminalServerId, answer, sign);
    if (decision) decided.push({ of: t, decision, anew });
    else retryLater(deps, t.ack); // no place in the ledger, or no key that may sign, is known yet
  }
  for (const [asked, ofOne] of Map.groupBy(decided, (d) => d.of.source)) {
    const decisions = ofOne.map((d) => d.decision);
    // Licenses that were all given lately are known where they are told, or verified there by themselves.
    const together = ofOne.some((d) => d.anew) ? deps.signer.signBatch(licensesIn(decisions)) : undefined;
    deps.terminalServers.publishDecisions(decisions, asked, together);
  }
  for (const { of, decision } of decided) {
    const { requestId, row, terminalServerId, outcome } = decision;
    deps.log.debug({ requestId, terminalServerId, row, kind: outcome.kind }, 'decided');
    of.ack.acknowledge();
    deps.counts.decided(decision, Math.max(0, deps.clock.now() - of.source.queued.storedAt));
  }
};

/** Faults that say something about the leader, not about the requests: they pass by themselves. */
const isTransient = (f: Fault): boolean =>
  f.code === 'NO_LEADER' || f.code === 'NOT_LEADER' || f.code === 'UNREACHABLE' || f.code === 'TIMEOUT';

/**
 * Asks for all at once. Where the leader fails on them for any other reason, each half is asked for by itself, so
 * that one request it cannot handle takes no other with it; the leader gives what it decided already once more.
 */
const decideAll = async (deps: RequestDeps, asking: readonly QueuedRequest[]): Promise<void> => {
  const items = asking.flatMap((t) => (t.command.kind === 'ask' ? [t.command.item] : []));
  try {
    answerAll(deps, asking, await deps.inventory.allocate(items));
  } catch (error) {
    const known = faultOf(error);
    if (!known) {
      const requestIds = items.slice(0, MAX_LOGGED_IDS).map((item) => item.requestId);
      deps.log.error(
        { requestIds, requests: asking.length, ...errorFacts(error) },
        'a batch of requests failed',
      );
    }
    const f = known ?? fault('HANDLER_FAILED');
    if (!isTransient(f) && asking.length > 1) {
      const half = asking.length >> 1;
      await decideAll(deps, asking.slice(0, half));
      await decideAll(deps, asking.slice(half));
      return;
    }
    for (const { source, ack, requestId } of asking) {
      if (isTransient(f) || source.queued.deliveries < MAX_FAULTS) retryLater(deps, ack);
      else await deadLetter(deps, source.queued, f, requestId, ack);
    }
  }
};

/** Asks the queue for more time, again and again, until `handled` aborts. */
const extendAckWaits = async (
  { clock }: RequestDeps,
  taken: readonly QueuedRequest[],
  handled: AbortSignal,
): Promise<void> => {
  for (;;) {
    await clock.sleep(ACK_EXTENSION_INTERVAL_MS, handled);
    if (handled.aborted) return;
    for (const q of new Set(taken.map((t) => t.source.queued))) q.extendAckWait();
  }
};

/** Handles one batch; never rejects. Afterwards each message is done, or comes again. */
export const handleBatch = async (deps: RequestDeps, batch: readonly QueuedMessage[]): Promise<void> => {
  const taken = (await Promise.all(batch.map((q) => parseMessage(deps, q)))).flat();
  deps.counts.batchSize(taken.length);
  const asking = taken.filter((t) => t.command.kind === 'ask');
  const own = taken.filter((t) => t.command.kind === 'refuse');
  answerAll(
    deps,
    own,
    own.map((t) => (t.command.kind === 'refuse' ? ownAnswer(deps, t.command) : undefined)),
  );
  if (asking.length === 0) return;
  const handled = new AbortController();
  void extendAckWaits(deps, asking, handled.signal);
  try {
    for (let at = 0; at < asking.length; at += MAX_ALLOCATIONS)
      await decideAll(deps, asking.slice(at, at + MAX_ALLOCATIONS));
  } finally {
    handled.abort(null); // without a reason of its own an error would be made of each
  }
};
