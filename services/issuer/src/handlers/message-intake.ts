// A message of the queue becomes the requests in it that need a decision.

import { fault } from '@calbus/contracts/faults';
import { parseLicenseSubject } from '@calbus/contracts/subjects';
import type { QueuedMessage } from '../ports.ts';
import { createAckGroup } from './ack-group.ts';
import { isVerb, kindOf, decodeMessage } from './messages.ts';
import { deadLetter, retryLater, type QueuedRequest, type RequestDeps } from './queued-request.ts';

/** A license under a key that is unknown here delays its request for this number of deliveries; then the license counts as none. */
const MAX_UNKNOWN_KEY_DELIVERIES = 10;

const isExpired = ({ clock }: RequestDeps, { storedAt }: QueuedMessage, waitsMs: number): boolean =>
  clock.now() > storedAt + waitsMs;

/** The requests that need a decision. Expired requests are acknowledged; a message that does not decode is a dead letter. */
export const parseMessage = async (
  deps: RequestDeps,
  queued: QueuedMessage,
): Promise<readonly QueuedRequest[]> => {
  const subject = parseLicenseSubject(queued.subject);
  if (!subject || !isVerb(subject.verb)) {
    await deadLetter(deps, queued, fault('WRONG_SUBJECT'));
    return [];
  }
  const { terminalServerId, verb } = subject;
  const decoded = decodeMessage[verb](deps, queued.bytes);
  if (!decoded.ok) {
    deps.counts.received(kindOf(verb));
    await deadLetter(deps, queued, decoded.fault);
    return [];
  }
  const { id, together, requests } = decoded.message;
  const source = { queued, id, terminalServerId, together };
  const ack = createAckGroup(queued, requests.length);
  const parsed: QueuedRequest[] = [];
  for (const { requestId, waitsMs, parse } of requests) {
    deps.counts.received(kindOf(verb));
    if (isExpired(deps, queued, waitsMs)) {
      deps.counts.expired();
      ack.acknowledge(); // its terminal server has stopped to wait for the answer
      continue;
    }
    const command = parse(terminalServerId, queued.deliveries < MAX_UNKNOWN_KEY_DELIVERIES);
    if (command) parsed.push({ source, ack, requestId, command });
    else retryLater(deps, ack);
  }
  return parsed;
};
