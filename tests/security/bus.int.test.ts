import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StringCodec } from 'nats';
import { requestsConsumer, streams } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import { oncePerFile } from '@calbus/testkit/servers';
import { testBus } from '@calbus/testkit/deployment';

const bus = oncePerFile(() => testBus());
const text = StringCodec();

describe('terminal servers and services reach each other across accounts', () => {
  test("a terminal server's request is queued in account CAL, and the queue's acknowledgement comes back", async () => {
    const b = await bus();
    const ts = await b.connectAs({ terminalServer: 'ts1' });
    const ack = await ts.jetstream().publish(subjects.license.request('ts1'), text.encode('{}'));
    assert.equal(ack.stream, streams.requests.name);
    const issuer = await b.connectAs('issuer');
    const consumer = await issuer.jetstream().consumers.get(requestsConsumer.stream, requestsConsumer.name);
    const message = await consumer.next({ expires: 2_000 });
    assert.equal(message?.subject, subjects.license.request('ts1'));
    message.ack();
    await issuer.flush();
  });

  test('a decision and a trust snapshot reach their own terminal server only', async () => {
    const b = await bus();
    const [ts1, ts2, issuer] = [
      await b.connectAs({ terminalServer: 'ts1' }),
      await b.connectAs({ terminalServer: 'ts2' }),
      await b.connectAs('issuer'),
    ];
    const got: string[] = [];
    for (const [id, nc] of [
      ['ts1', ts1],
      ['ts2', ts2],
    ] as const) {
      for (const s of [subjects.decision.to(id), subjects.trust.snapshot(id), subjects.trust.changed])
        nc.subscribe(s, { callback: (_e, m) => got.push(`${id} ${m.subject}`) });
      await nc.flush();
    }
    issuer.publish(subjects.decision.of('ts1', 'r1'));
    issuer.publish(subjects.trust.snapshot('ts2'));
    issuer.publish(subjects.trust.changed);
    await issuer.flush();
    await ts1.flush();
    await ts2.flush();
    assert.deepEqual(got.sort(), [
      `ts1 ${subjects.decision.of('ts1', 'r1')}`,
      `ts1 ${subjects.trust.changed}`,
      `ts2 ${subjects.trust.changed}`,
      `ts2 ${subjects.trust.snapshot('ts2')}`,
    ]);
  });
});
