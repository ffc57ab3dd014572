import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, encode, type Body } from '@calbus/contracts/envelope';
import { fault, type Fault } from '@calbus/contracts/faults';
import {
  licenseRequest,
  licenseRequests,
  MAX_BATCH_REQUESTS,
} from '@calbus/contracts/terminal-server-messages';
import { createRequestBatcher, type BatchableRequest } from './request-batcher.ts';

const request = (n: number, presented?: string): BatchableRequest => {
  const body: Body<typeof licenseRequest> = {
    requestId: `r${n}`,
    waitsMs: 8_000,
    mode: 'per-device',
    version: '2003',
    device: { hardwareId: `00000104${n.toString(16).padStart(32, '0')}`, name: `desk-${n}` },
    ...(presented === undefined ? {} : { presented }),
  };
  return { body, bytes: () => encode(licenseRequest, { id: `m${n}`, sentAt: 1 }, body) };
};

/** The published messages: subject and request ids of each. */
const published = (most: number, says: () => Fault | undefined = () => undefined) => {
  const messages: { readonly subject: string; readonly requestIds: string[]; readonly size: number }[] = [];
  let ids = 0;
  const together = createRequestBatcher({
    terminalServerId: 'ts1',
    newId: () => `id${(ids += 1)}`,
    maxRequests: () => most,
    enqueue: async (subject, bytes) => {
      const decoded = decode([licenseRequest, licenseRequests], bytes);
      assert.ok(decoded.ok);
      const { message } = decoded;
      const all = message.type === licenseRequests.type ? message.body.requests : [message.body];
      messages.push({ subject, requestIds: all.map((r) => r.requestId), size: bytes.length });
      return says();
    },
  });
  return { messages, together };
};
const idsFrom = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => `r${from + i}`);

test('requests of one turn of the event loop are one message; a single request is an ordinary message', async () => {
  const { messages, together } = published(MAX_BATCH_REQUESTS);
  const asked = [1, 2, 3].map((n) => together(request(n)));
  assert.deepEqual(await Promise.all(asked), [undefined, undefined, undefined]);
  assert.equal(await together(request(4)), undefined);
  assert.deepEqual(
    messages.map(({ subject, requestIds }) => [subject, requestIds]),
    [
      ['cal.v1.license.requests.ts1', idsFrom(1, 3)],
      ['cal.v1.license.request.ts1', ['r4']],
    ],
  );
});

test('no message carries more requests than the license server accepts', async () => {
  const { messages, together } = published(5);
  await Promise.all(idsFrom(1, 11).map((_, i) => together(request(i + 1))));
  assert.deepEqual(
    messages.map((m) => m.requestIds),
    [idsFrom(1, 5), idsFrom(6, 10), ['r11']],
  );
});

test('a license server that does not announce batches gets single requests', async () => {
  const { messages, together } = published(1);
  await Promise.all(idsFrom(1, 4).map((_, i) => together(request(i + 1))));
  assert.deepEqual(
    messages.map((m) => m.subject),
    Array.from({ length: 4 }, () => 'cal.v1.license.request.ts1'),
  );
});

test('a batch that is too large is split', async () => {
  const { messages, together } = published(MAX_BATCH_REQUESTS);
  const presented = `${'a'.repeat(3_000)}.b.${'c'.repeat(86)}`;
  await Promise.all(idsFrom(1, MAX_BATCH_REQUESTS).map((_, i) => together(request(i + 1, presented))));
  assert.deepEqual(
    messages.flatMap((m) => m.requestIds).toSorted(),
    idsFrom(1, MAX_BATCH_REQUESTS).toSorted(),
  );
  assert.ok(messages.length > 1 && messages.length < MAX_BATCH_REQUESTS);
  for (const { size } of messages) assert.ok(size <= licenseRequests.maxBytes, `${size} bytes`);
});

test('a refusal of the queue reaches each request', async () => {
  const { together } = published(MAX_BATCH_REQUESTS, () => fault('BUSY'));
  const refusals = await Promise.all([1, 2].map((n) => together(request(n))));
  assert.deepEqual(
    refusals.map((f) => f?.code),
    ['BUSY', 'BUSY'],
  );
});
