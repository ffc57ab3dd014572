// Tables of handlers. The errors are the compiler's: `npm run check` fails where one of them is not an error any more.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { contract, decode, dispatch, encode, type Handlers, type Message } from './src/envelope.ts';
import type { InventoryCommand } from './src/inventory-interface.ts';

const ping = contract('ping', 1, 'For this test.', z.object({ at: z.int() }));
const greet = contract('greet', 1, 'For this test.', z.object({ name: z.string() }));
type Known = typeof ping | typeof greet;
const handlers: Handlers<Known, string> = {
  [ping.type]: ({ body }) => `ping ${body.at}`,
  [greet.type]: ({ body }) => `greet ${body.name}`,
};

test('a message reaches the handler of its type', () => {
  const stamp = { id: 'i', sentAt: 0 };
  for (const [bytes, expected] of [
    [encode(ping, stamp, { at: 7 }), 'ping 7'],
    [encode(greet, stamp, { name: 'ann' }), 'greet ann'],
  ] as const) {
    const decoded = decode([ping, greet], bytes);
    assert.ok(decoded.ok);
    assert.equal(dispatch(handlers, decoded.message), expected);
  }
});

test('the type of a message tells its body', () => {
  const nameIn = (m: Message<Known>): string => (m.type === 'greet' ? m.body.name : String(m.body.at));
  const header = { id: 'i', correlationId: 'i', causationId: null, sentAt: 0 };
  assert.equal(nameIn({ ...header, type: 'ping', version: 1, body: { at: 3 } }), '3');
  // @ts-expect-error -- a ping has no name
  const mistyped: Message<Known> = { ...header, type: 'ping', version: 1, body: { name: 'ann' } };
  assert.equal(nameIn(mistyped), 'undefined');
});

test('a table that lacks a handler, or has one too many, does not compile', () => {
  // @ts-expect-error -- greet is missing
  const missing: Handlers<Known, string> = { [ping.type]: () => '' };
  // @ts-expect-error -- no contract has this type
  const tooMany: Handlers<typeof ping, string> = { [ping.type]: () => '', [greet.type]: () => '' };
  // @ts-expect-error -- an operator has other commands, too
  const operate: Handlers<InventoryCommand<'operate'>, string> = { 'inventory.revoke': () => '' };
  // @ts-expect-error -- a handler of one type does not take messages of another
  const wrong: Handlers<Known, string> = { ...handlers, greet: (m: Message<typeof ping>) => `${m.body.at}` };
  for (const table of [missing, tooMany, operate, wrong]) assert.ok(table);
});
