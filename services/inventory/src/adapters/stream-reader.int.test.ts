// Reading the ledger from a server that refuses, loses or stops answering: it goes on where it can, and otherwise ends.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AckPolicy, connect, type NatsConnection } from 'nats';
import { identities } from '@calbus/contracts/identities';
import { streams } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import { startFaultProxy, type FaultProxyOptions, type FaultProxy } from '@calbus/test-support/fault-proxy';
import { eventually } from '@calbus/test-support/eventually';
import { testNats } from '@calbus/test-support/servers';
import { natsLedger } from './nats-ledger.ts';
import { streamReader } from './stream-reader.ts';

const MESSAGES = 2_000;
const { name } = streams.ledger;
/** What never ends without an end of its own would else hold up everything. */
const ends = { timeout: 60_000 };

const open = (url: string): Promise<NatsConnection> =>
  connect({
    servers: url,
    inboxPrefix: identities['inventory-ledger'].inbox,
    reconnectTimeWait: 50,
    maxReconnectAttempts: -1,
  });

/** A ledger behind a wire, with room for one consumer at a time. */
const startSite = async (options: FaultProxyOptions = {}) => {
  const server = await testNats();
  const direct = await open(server.url);
  const theirs = await direct.jetstreamManager();
  await theirs.streams.add({ name, subjects: [subjects.ledger], max_consumers: 1 });
  const publish = (): unknown => direct.jetstream().publish(subjects.ledger, new Uint8Array(200));
  await Promise.all(Array.from({ length: MESSAGES }, publish));
  const wire = await startFaultProxy(server, options);
  const nc = await open(`nats://${wire.host}:${wire.port}`);
  const jsm = await nc.jetstreamManager({ checkAPI: false, timeout: 1_500 });
  const stop = new AbortController();
  const ledger = natsLedger(nc.jetstream(), jsm, streamReader(nc, jsm), stop.signal);
  const sequences = async (seen: (sequence: number) => void = () => {}): Promise<number[]> => {
    const all: number[] = [];
    for await (const { sequence } of ledger.readFrom(1)) {
      all.push(sequence);
      seen(sequence);
    }
    return all;
  };
  const dispose = async (): Promise<void> => {
    await nc.close();
    await wire[Symbol.asyncDispose]();
    await direct.close();
    await server[Symbol.asyncDispose]();
  };
  return { theirs, wire, ledger, sequences, stop, [Symbol.asyncDispose]: dispose };
};

const whole = Array.from({ length: MESSAGES }, (_, i) => i + 1);
const page = { from: 1, most: 650, bytes: 1_000_000 };
/** Does it once, at the first chunk that has this text in it. */
const at = (text: string, act: (wire: FaultProxy) => void): FaultProxyOptions => {
  let done = false;
  return {
    onChunk: (_, chunk, wire) => {
      if (done || !chunk.includes(text)) return;
      done = true;
      act(wire);
    },
  };
};

test(
  'while no consumer can be made, a page and a reading are refused; once one can be, they are given',
  ends,
  async () => {
    await using site = await startSite();
    const { theirs, ledger, sequences } = site;
    await theirs.consumers.add(name, { durable_name: 'another', ack_policy: AckPolicy.None });
    await assert.rejects(ledger.page(page.from, page.most, page.bytes), /maximum consumers limit/);
    await assert.rejects(sequences(), /maximum consumers limit/);
    await theirs.consumers.delete(name, 'another');
    assert.equal((await ledger.page(page.from, page.most, page.bytes)).entries.length, page.most);
  },
);

test('a consumer that is refused at first is made a moment later', ends, async () => {
  let refused = 0;
  let free = (): void => {};
  await using site = await startSite(
    at('maximum consumers limit', () => {
      refused += 1;
      free();
    }),
  );
  const { theirs, ledger } = site;
  await theirs.consumers.add(name, { durable_name: 'another', ack_policy: AckPolicy.None });
  free = () => void theirs.consumers.delete(name, 'another');
  assert.equal((await ledger.page(page.from, page.most, page.bytes)).entries.length, page.most);
  assert.equal(refused, 1);
});

test('where the creation of the consumer is lost, so is the page, and it is said', ends, async () => {
  await using site = await startSite(at(`CONSUMER.CREATE.${name}`, (wire) => wire.drop('toServer')));
  await assert.rejects(site.ledger.page(page.from, page.most, page.bytes));
  await assert.rejects(site.sequences());
  site.wire.restore();
  const again = (): Promise<number[]> => site.sequences();
  assert.deepEqual(await eventually('it is read again', again, { withinMs: 30_000 }), whole);
});

test(
  'a reading whose wire is cut in the middle goes on, without a gap and without one twice',
  ends,
  async () => {
    await using site = await startSite();
    let cut = false;
    const all = await site.sequences((sequence) => {
      if (cut || sequence < 600) return;
      cut = true;
      site.wire.cut();
      site.wire.restore();
    });
    assert.deepEqual(all, whole);
  },
);

test('who is told to stop waits for nothing, in a page and in the middle of a reading', ends, async () => {
  let silent = (): void => {};
  const silence = new Promise<void>((resolve) => (silent = resolve));
  await using site = await startSite(
    at(`CONSUMER.MSG.NEXT.${name}`, (wire) => {
      wire.drop('toClient');
      silent();
    }),
  );
  const asked = [site.ledger.page(page.from, page.most, page.bytes), site.sequences()];
  const ended = Promise.allSettled(asked);
  await silence;
  site.stop.abort(new Error('told to stop'));
  for (const one of await ended)
    assert.match(one.status === 'rejected' ? String(one.reason) : 'given', /told to stop/);
  await assert.rejects(site.ledger.page(page.from, page.most, page.bytes), /told to stop/);
});
