import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDelivery } from './jetstream-delivery.ts';

const expected = { deliveries: 3, sequence: 41, consumerSequence: 7, storedAt: 1_790_000_000_123 };

test('what JetStream says of a message is read from both forms of its subject', () => {
  const rest = '3.41.7.1790000000123456789.5';
  for (const subject of [
    `$JS.ACK.STREAM.CONSUMER.${rest}`,
    `$JS.ACK._.account.STREAM.CONSUMER.${rest}`,
    `$JS.ACK.domain.account.STREAM.CONSUMER.${rest}.random`,
  ])
    assert.deepEqual(parseDelivery(subject), expected, subject);
});

test('any other subject gives no facts', () => {
  for (const subject of ['', '$JS.ACK', '$JS.ACK.a.b', '_INBOX.x.y', `x.$JS.ACK.a.b.1.2.3.4.5`])
    assert.equal(parseDelivery(subject), undefined, subject);
});
