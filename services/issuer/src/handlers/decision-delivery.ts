// Outcomes become signed decisions, are published, and only then their requests are acknowledged.

import type { Outcome } from '@calbus/contracts/allocation-messages';
import type { Body } from '@calbus/contracts/envelope';
import type { LicenseFacts } from '@calbus/contracts/license';
import { licensesIn } from '@calbus/contracts/received-decisions';
import type { licenseDecision } from '@calbus/contracts/terminal-server-messages';
import { decisionOf } from '../domain/decision.ts';
import { retryLater, type QueuedRequest, type RequestDeps } from './queued-request.ts';

type SignedDecision = {
  readonly request: QueuedRequest;
  readonly decision: Body<typeof licenseDecision>;
  /** Its license was signed now, and not taken from the cache. */
  readonly fresh: boolean;
};

/** Undefined while no key may sign the license. */
const signedDecision = (
  { signer }: RequestDeps,
  request: QueuedRequest,
  answer: Outcome,
): SignedDecision | undefined => {
  let fresh = false;
  const sign = (facts: LicenseFacts): string | undefined => {
    const signed = signer.sign(facts);
    fresh = signed?.fresh === true;
    return signed?.license;
  };
  const decision = decisionOf(request.source.terminalServerId, answer, sign);
  return decision && { request, decision, fresh };
};

/** `answers`: in the order of the requests. A request without an answer, or without a key to sign its license, is retried later. */
export const deliverDecisions = (
  deps: RequestDeps,
  requests: readonly QueuedRequest[],
  answers: readonly (Outcome | undefined)[],
): void => {
  const signed: SignedDecision[] = [];
  for (const [i, request] of requests.entries()) {
    const answer = answers[i];
    const decision = answer && signedDecision(deps, request, answer);
    if (decision) signed.push(decision);
    else retryLater(deps, request.ack);
  }
  for (const [source, ofSource] of Map.groupBy(signed, (s) => s.request.source)) {
    const decisions = ofSource.map((s) => s.decision);
    // The terminal server has verified a license from the cache before, or verifies it alone.
    const batchSignature = ofSource.some((s) => s.fresh)
      ? deps.signer.signBatch(licensesIn(decisions))
      : undefined;
    deps.terminalServers.publishDecisions(decisions, source, batchSignature);
  }
  for (const { request, decision } of signed) {
    const { requestId, row, terminalServerId, outcome } = decision;
    deps.log.debug({ requestId, terminalServerId, row, kind: outcome.kind }, 'decided');
    request.ack.acknowledge();
    deps.counts.decided(decision, Math.max(0, deps.clock.now() - request.source.queued.storedAt));
  }
};
