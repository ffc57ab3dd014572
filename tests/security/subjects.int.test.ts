// Every identity tries every subject, as publisher and as subscriber: what is not its own is refused by the
// server, with a permission violation that is seen, and what is its own is not.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { connect, nkeyAuthenticator } from 'nats';
import { createUser } from 'nkeys.js';
import { exchanges } from '@calbus/contracts/catalogue';
import { oncePerFile } from '@calbus/test-support/servers';
import { allIdentities, startSecurityHarness } from './harness.ts';
import { allSubjects, allSubscriptions, mayPublish, maySubscribe } from './expected-permissions.ts';

const site = oncePerFile(startSecurityHarness);
const body = new TextEncoder().encode('x');

const refusedOf = (refused: ReadonlySet<string>, operation: string): string[] =>
  [...refused]
    .filter((r) => r.startsWith(`${operation} `))
    .map((r) => r.slice(operation.length + 1))
    .toSorted();

suite('nobody reaches a subject that is not theirs', () => {
  for (const who of allIdentities) {
    test(`${who} publishes to its own subjects; all others of ${allSubjects.length} are refused`, async () => {
      const { nc, refused, settle } = await (await site()).as(who);
      for (const subject of allSubjects) nc.publish(subject, body);
      await settle();
      const allowed = new Set(mayPublish[who]);
      const expected = allSubjects.filter((s) => !allowed.has(s)).toSorted();
      assert.ok([...allowed].every((s) => allSubjects.includes(s)));
      assert.deepEqual(refusedOf(refused, 'publish'), expected);
    });

    test(`${who} hears its own subjects; all others of ${allSubscriptions.length} are refused`, async () => {
      const { nc, refused, settle } = await (await site()).as(who);
      for (const subject of allSubscriptions) nc.subscribe(subject, { callback: () => {} });
      await settle();
      const allowed = new Set(maySubscribe(who));
      const expected = allSubscriptions.filter((s) => !allowed.has(s)).toSorted();
      assert.ok([...allowed].every((s) => allSubscriptions.includes(s)));
      assert.deepEqual(refusedOf(refused, 'subscription'), expected);
    });

    test(`${who} gains nothing by subscribing as a member of a queue group`, async () => {
      const { nc, refused, settle } = await (await site()).as(who);
      for (const subject of allSubscriptions) nc.subscribe(subject, { queue: 'q', callback: () => {} });
      await settle();
      const allowed = new Set(maySubscribe(who));
      const expected = allSubscriptions.filter((s) => !allowed.has(s)).toSorted();
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
    const tried = new Set(allSubjects);
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
