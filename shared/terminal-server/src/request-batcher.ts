// Sends the requests of one turn of the event loop as one message, if the license server accepts that. When many users log on at once, a
// message costs more than the request in it. A request never waits for others, and a retry travels alone.

import { encode, type Body } from '@calbus/contracts/envelope';
import type { Fault } from '@calbus/contracts/faults';
import { subjects } from '@calbus/contracts/subjects';
import { licenseRequests, type licenseRequest } from '@calbus/contracts/terminal-server-messages';
import type { Enqueue } from './request-client.ts';

export type BatchableRequest = {
  readonly body: Body<typeof licenseRequest>;
  /** The message with this request alone. */
  readonly bytes: () => Uint8Array;
};

/** See Enqueue. */
export type EnqueueRequest = (request: BatchableRequest) => Promise<Fault | undefined>;

type BatchEntry = BatchableRequest & { readonly settle: (refusal: Fault | undefined) => void };

export type RequestBatcherDeps = {
  readonly enqueue: Enqueue;
  readonly terminalServerId: string;
  readonly newId: () => string;
  /** The most requests that the license server accepts in one message. */
  readonly maxRequests: () => number;
};

export const createRequestBatcher = ({
  enqueue,
  terminalServerId,
  newId,
  maxRequests,
}: RequestBatcherDeps): EnqueueRequest => {
  let gathered: BatchEntry[] = [];

  const publish = async (requests: readonly BatchEntry[]): Promise<void> => {
    const [first, ...others] = requests;
    if (!first) return;
    let refusal: Fault | undefined;
    if (others.length === 0) {
      refusal = await enqueue(subjects.license.request(terminalServerId), first.bytes());
    } else {
      const body = { requests: requests.map((r) => r.body) };
      const bytes = encode(licenseRequests, { id: newId(), sentAt: Date.now() }, body);
      if (bytes.length > licenseRequests.maxBytes) {
        const half = requests.length >> 1;
        void publish(requests.slice(0, half));
        return publish(requests.slice(half));
      }
      refusal = await enqueue(subjects.license.requests(terminalServerId), bytes);
    }
    for (const { settle } of requests) settle(refusal);
  };
  const publishAll = (): void => {
    const all = gathered;
    gathered = [];
    const step = maxRequests();
    for (let at = 0; at < all.length; at += step) void publish(all.slice(at, at + step));
  };

  return (request) =>
    new Promise((settle) => {
      if (gathered.length === 0) setImmediate(publishAll);
      gathered.push({ ...request, settle });
    });
};
