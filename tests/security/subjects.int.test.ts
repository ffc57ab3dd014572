// Every identity tries every subject, as publisher and as subscriber: what is not its own is refused by the
// server, with a permission violation that is seen, and what is its own is not.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { connect, nkeyAuthenticator } from 'nats';
import { createUser } from 'nkeys.js';
import { exchanges } from '@calbus/contracts/catalogue';
import { oncePerFile } from '@calbus/testkit/servers';
import { everybody, startSite } from './site.ts';
import { everySubject, everySubscription, mayPublish, maySubscribe } from './universe.ts';

const site = oncePerFile(startSite);
const body = new TextEncoder().encode('x');

const refusedOf = (refused: ReadonlySet<string>, operation: string): string[] =>
  [...refused]
    .filter((r) => r.startsWith(`${operation} `))
    .map((r) => r.slice(operation.length + 1))
    .toSorted();

suite('nobody reaches a subject that is not theirs', () => {
  for (const who of everybody) {
    test(`${who} publishes to its own subjects; all others of ${everySubject.length} are refused`, async () => {
      const { nc, refused, settle } = await (await site()).as(who);
      for (const subject of everySubject) nc.publish(subject, body);
      await settle();
      const allowed = new Set(mayPublish[who]);
      const expected = everySubject.filter((s) => !allowed.has(s)).toSorted();
      assert.ok([...allowed].every((s) => everySubject.includes(s)));
      assert.deepEqual(refusedOf(refused, 'publish'), expected);
    });

    test(`${who} hears its own subjects; all others of ${everySubscription.length} are refused`, async () => {
      const { nc, refused, settle } = await (await site()).as(who);
      for (const subject of everySubscription) nc.subscribe(subject, { callback: () => {} });
      await settle();
      const allowed = new Set(maySubscribe(who));
      const expected = everySubscription.filter((s) => !allowed.has(s)).toSorted();
      assert.ok([...allowed].every((s) => everySubscription.includes(s)));
      assert.deepEqual(refusedOf(refused, 'subscription'), expected);
    });

    test(`${who} gains nothing by subscribing as a member of a queue group`, async () => {
      const { nc, refused, settle } = await (await site()).as(who);
      for (const subject of everySubscription) nc.subscribe(subject, { queue: 'q', callback: () => {} });
      await settle();
      const allowed = new Set(maySubscribe(who));
      const expected = everySubscription.filter((s) => !allowed.has(s)).toSorted();
      assert.deepEqual(refusedOf(refused, 'subscription'), expected);
    });
  }

  test('every subject of a message is among those that are tried', () => {
    const concrete = {
      terminalServerId: 'ts1',
      requestId: 'r1',
      term: '1',
      name: 'LOW_STOCK',
      service: 'issuer',
    };
    const tried = new Set(everySubject);
    const missing = exchanges
      .map((e) =>
        Object.entries(concrete).reduce((text, [name, value]) => text.replace(`{${name}}`, value), e.subject),
      )
      .filter((subject) => !tried.has(subject));
    assert.deepEqual(missing, []);
  });

  test('nobody gets in without a key, nor with a key the server was not told', async () => {
    const { url } = await site();
    await assert.rejects(connect({ servers: url, reconnect: false }), /Authorization/i);
    const stranger = nkeyAuthenticator(createUser().getSeed());
    await assert.rejects(
      connect({ servers: url, reconnect: false, authenticator: stranger }),
      /Authorization/i,
    );
    const user = { user: 'issuer', pass: 'issuer' };
    await assert.rejects(connect({ servers: url, reconnect: false, ...user }), /Authorization/i);
  });
});
