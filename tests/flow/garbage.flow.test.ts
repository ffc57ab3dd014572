// Garbage on every subject that any identity may publish to, with and without a reply, and on every RabbitMQ exchange: nothing
// changes, everything goes on, and the operator sees what came and why it was put aside.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { connect as connectAmqp } from 'amqplib';
import { rabbitmqNames } from '@calbus/contracts/rabbitmq-names';
import { identities, roles, terminalServerPermissions, type Permissions } from '@calbus/contracts/identities';
import { leaderHeartbeat } from '@calbus/contracts/leader-heartbeat';
import { inventoryStatus, queryStatus } from '@calbus/contracts/inventory-status-messages';
import { encode } from '@calbus/contracts/envelope';
import { subjects } from '@calbus/contracts/subjects';
import { readSecret } from '@calbus/operator-client/profile';
import { connectTerminalServer } from '@calbus/operator-client/terminal-server-connection';
import { LICENSE_SERVER } from '@calbus/local/deployment';
import type { TestIdentity } from '@calbus/test-support/nats-bus';
import { eventually } from '@calbus/test-support/eventually';
import { hw, startDeployment, type TestDeployment } from '@calbus/test-support/deployment';

const text = (s: string): Uint8Array => new TextEncoder().encode(s);

let s: TestDeployment;
before(async () => {
  s = await startDeployment();
});
after(async () => {
  await s?.[Symbol.asyncDispose]();
});

const garbage: readonly Uint8Array[] = [
  new Uint8Array(),
  Uint8Array.of(0xff, 0x00, 0xfe),
  text('{'),
  text('"text"'),
  text('[[[[[[[[[['.repeat(1_000)),
  text(JSON.stringify({ id: 'x', type: 'license.request', version: 1 })),
  text(
    JSON.stringify({
      id: 'x',
      type: 'inventory.install',
      version: 7,
      correlationId: 'x',
      causationId: null,
      sentAt: 1,
      body: {},
    }),
  ),
  encode(leaderHeartbeat, { id: 'x', sentAt: 1 }, { term: -1 } as never),
];

/** Every subject of calbus that this identity may publish to, made concrete; answers to others' inboxes and the servers' own API are tried elsewhere. */
const subjectsOf = (who: Permissions, term: number): string[] =>
  who.publish
    .filter((p) => p.startsWith('cal.v1.') && p !== subjects.ledger)
    .flatMap((p) =>
      /\.(allocate|install|activation|operate)\.\*$/.test(p)
        ? [p.replace('*', String(term)), p.replace('*', '99')]
        : [p.replaceAll('*', 'status'), p.replaceAll('*', 'x')],
    );

const state = async () => {
  const i = await s.operator.ask(
    subjects.inventory.query('operator', 'status'),
    queryStatus,
    {},
    inventoryStatus,
  );
  const { devices, licenses, keyPacks, pools, activation, position } = i;
  return {
    term: i.term,
    facts: { devices, licenses, keyPacks, pools, activation, sequence: position.sequence },
  };
};

type Letter = { readonly service: string; readonly subject: string; readonly code: string };
const letters = async (): Promise<Letter[]> => {
  const { stdout } = await s.calbus('dead-letters', '--limit', '1000', '--json');
  return JSON.parse(stdout) as Letter[];
};

describe('garbage', () => {
  test('on every subject of every identity changes nothing and is visible with a reason', async () => {
    const ts = await connectTerminalServer(s.profile, 'ts1');
    await ts.request({ device: { hardwareId: hw(1), name: 'd' } });
    const before = await state();
    const published = new Set<string>();
    const everybody: [Permissions, TestIdentity][] = [
      ...roles.map((r): [Permissions, TestIdentity] => [identities[r], r]),
      [terminalServerPermissions('ts2'), { terminalServer: 'ts2' }],
    ];
    for (const [who, identity] of everybody) {
      const nc = await s.connectAs(identity);
      for (const subject of subjectsOf(who, before.term)) {
        published.add(subject);
        for (const bytes of garbage) {
          nc.publish(subject, bytes);
          nc.publish(subject, bytes, { reply: `${who.inbox}.x` });
        }
      }
      await nc.flush();
      await nc.close();
    }
    // Every garbled command, query, request and beacon has its letter; what no part of calbus listens to vanishes.
    await eventually(
      'the letters are there',
      async () => {
        const codes = new Set((await letters()).map((l) => `${l.service} ${l.subject}`));
        return [
          `issuer ${subjects.license.request('ts2').replace('request', 'status')}`,
          `issuer ${subjects.trust.request('ts2')}`,
          `issuer ${subjects.inventory.heartbeat}`,
          `inventory ${subjects.inventory.allocate(before.term)}`,
          `inventory ${subjects.inventory.install(before.term)}`,
          `inventory ${subjects.inventory.activation(before.term)}`,
          `inventory ${subjects.inventory.query('operator', 'status')}`,
          `clearinghouse-liaison ${subjects.liaison.query('operator', 'status')}`,
        ].every((k) => codes.has(k));
      },
      { withinMs: 15_000 },
    );
    const reasons = new Set((await letters()).map((l) => l.code));
    for (const code of ['NOT_UTF8', 'NOT_JSON', 'NOT_AN_ENVELOPE', 'UNKNOWN_TYPE', 'FORBIDDEN_REPLY'])
      assert.ok(reasons.has(code), code);
    assert.deepEqual(await state(), before);
    assert.equal((await ts.request({ device: { hardwareId: hw(1), name: 'd' } })).row, 'D8');
    await ts.close();
    assert.ok(published.size > 15);
  });

  test('in the ledger itself is VOID: skipped, counted and shown, and licenses are issued on', async () => {
    const before = await state();
    const nc = await s.connectAs('inventory-ledger');
    for (const bytes of garbage) await nc.jetstream().publish(subjects.ledger, bytes);
    await nc.close();
    const ts = await connectTerminalServer(s.profile, 'ts1');
    const d = await ts.request({ device: { hardwareId: hw(2), name: 'd' } });
    await ts.close();
    assert.equal(d.row, 'D4');
    assert.equal(d.position.sequence, before.facts.sequence + garbage.length + 1);
    const now = await s.operator.ask(
      subjects.inventory.query('operator', 'status'),
      queryStatus,
      {},
      inventoryStatus,
    );
    assert.equal(now.voidMessages, garbage.length);
    assert.match((await s.calbus('status')).stdout, /8 VOID messages/);
    await eventually(
      'the events',
      async () =>
        (await s.calbus('events', '--limit', '50')).stdout.split('VOID_RECORD').length - 1 === garbage.length,
      { withinMs: 15_000 },
    );
  });

  test('on RabbitMQ is put aside with its reason, and the Clearinghouse goes on', async () => {
    const password = readSecret(s.deployment.secretFile('rabbitmq-license-server'));
    const model = await connectAmqp(
      s.servers.rabbitmq.url.replace('://', `://${LICENSE_SERVER}:${password}@`),
    );
    const channel = await model.createConfirmChannel();
    for (const bytes of garbage)
      channel.publish(
        rabbitmqNames.commandsExchange,
        rabbitmqNames.commandKey(LICENSE_SERVER),
        Buffer.from(bytes),
        {
          userId: LICENSE_SERVER,
        },
      );
    await channel.waitForConfirms();
    await model.close();
    const log = s.services.get('clearinghouse')?.logFile ?? '';
    await eventually('the Clearinghouse says why', () => /put aside|dead/i.test(readFileSync(log, 'utf8')));
    const activated = await s.calbus(
      'activate',
      '--first-name',
      'A',
      '--last-name',
      'B',
      '--company',
      'C',
      '--country',
      'D',
      '--json',
    );
    assert.equal(activated.code, 0, activated.stderr);
  });
});
