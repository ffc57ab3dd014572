// NATS does not check whether a publisher may publish to the reply subject it names. Here every identity names replies that
// are not its own, and each test's name says whether that is refused, or lands and why that does no harm.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { headers, type MsgHdrs } from 'nats';
import { decode, encode } from '@calbus/contracts/envelope';
import type { Fault } from '@calbus/contracts/faults';
import { inventoryAccepted, inventoryInstall } from '@calbus/contracts/inventory-command-messages';
import { leaderHeartbeat } from '@calbus/contracts/leader-heartbeat';
import { issuingKeys } from '@calbus/contracts/issuing-keys';
import { liaisonActivate } from '@calbus/contracts/liaison-messages';
import { licenseDecision, licenseFault } from '@calbus/contracts/terminal-server-messages';
import { systemClock } from '@calbus/runtime/clock';
import { isJetStreamDelivery } from '@calbus/runtime/jetstream-delivery';
import { createLog } from '@calbus/runtime/log';
import { answerWith, respond, type Answer } from '@calbus/runtime/responder';
import { eventually } from '@calbus/test-support/eventually';
import { oncePerFile } from '@calbus/test-support/servers';
import { accountOf, allIdentities, startSecurityHarness, type Peer, type Identity } from './harness.ts';
import { allSubjects, mayPublish } from './expected-permissions.ts';

const site = oncePerFile(startSecurityHarness);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const someHeaders = (fields: Record<string, string>): MsgHdrs => {
  const h = headers();
  for (const [k, v] of Object.entries(fields)) h.set(k, v);
  return h;
};

/** How many messages a stream has ever taken. */
const taken = async (peer: Peer, stream: string): Promise<number> => {
  const jsm = await peer.nc.jetstreamManager({ checkAPI: false });
  return (await jsm.streams.info(stream)).state.last_seq;
};

/** Everything that arrives at `subjects` from now on, as "subject reply payload". */
const hear = async (
  peer: Peer,
  subjects: readonly string[],
): Promise<{ subject: string; data: Uint8Array }[]> => {
  const heard: { subject: string; data: Uint8Array }[] = [];
  for (const subject of subjects) {
    peer.nc.subscribe(subject, {
      callback: (error, m) => {
        if (!error) heard.push({ subject: m.subject, data: m.data });
      },
    });
  }
  await peer.settle();
  return heard;
};

/** A service that answers commands, as calbus's services do; tells what it handled and what it put aside. */
const responder = (peer: Peer, subject: string, callers: string) => {
  const handled: string[] = [];
  const putAside: Fault[] = [];
  const dead = { put: async ({ fault }: { fault: Fault }) => putAside.push(fault) > 0 };
  const take = ({ id }: { readonly id: string }): Answer => {
    handled.push(id);
    return answerWith(inventoryAccepted, { position: { generation: 'g', sequence: 1 }, repeated: false });
  };
  respond(
    { nc: peer.nc, clock: systemClock, log: createLog('test', 'silent'), dead },
    {
      subject,
      contracts: [inventoryInstall, liaisonActivate],
      callers,
      handlers: { [inventoryInstall.type]: take, [liaisonActivate.type]: take },
    },
  );
  return { handled, putAside };
};

/** What the server drops altogether where a client names it as reply: JetStream's own and the replies between accounts. */
const dropped = new Set(['$JS.ACK.CAL_REQUESTS.issuers.1.1.1.1.0', '_R_.reply1']);

const internal = [
  'cal.v1.ledger',
  '$KV.CAL_LEADER.leader',
  '$KV.CAL_KEYS.issuing',
  'cal.v1.inventory.allocate.1',
  'cal.v1.inventory.install.1',
  'cal.v1.inventory.activation.1',
  'cal.v1.inventory.operate.1',
  'cal.v1.inventory.head',
  'cal.v1.inventory.query.operator.status',
  'cal.v1.liaison.command.activate',
  'cal.v1.dead.issuer',
  '$JS.API.STREAM.DELETE.CAL_REQUESTS',
  '$JS.API.STREAM.PURGE.CAL_REQUESTS',
  'cal.v1.trust.changed',
  ...dropped,
];

suite('a terminal server names replies that are not its own', () => {
  test('ts1 names every internal subject as reply: nothing reaches account CAL or LEDGER but its own requests', async () => {
    const s = await site();
    const [ts1, provisioner, ledger, inventory, liaison] = (await Promise.all(
      (['ts1', 'provisioner', 'provisioner-ledger', 'inventory', 'clearinghouse-liaison'] as const).map(s.as),
    )) as [Peer, Peer, Peer, Peer, Peer];
    const stored = async (): Promise<number[]> => [
      await taken(ledger, 'CAL_LEDGER'),
      await taken(ledger, 'KV_CAL_LEADER'),
      await taken(provisioner, 'KV_CAL_KEYS'),
      await taken(provisioner, 'CAL_DEAD_LETTERS'),
    ];
    const before = await stored();
    const requests = await taken(provisioner, 'CAL_REQUESTS');
    const byInventory = await hear(inventory, [
      'cal.v1.inventory.head',
      ...['allocate', 'activation', 'install', 'operate'].map((f) => `cal.v1.inventory.${f}.*`),
      'cal.v1.inventory.query.*.*',
    ]);
    const byLiaison = await hear(liaison, ['cal.v1.liaison.command.*']);
    for (const reply of internal) {
      ts1.nc.publish('cal.v1.license.request.ts1', bytes('{}'), { reply });
      ts1.nc.publish('cal.v1.trust.request.ts1', bytes('{}'), { reply });
    }
    await ts1.settle();
    const queued = requests + internal.filter((reply) => !dropped.has(reply)).length;
    await eventually('the requests are queued', () => taken(provisioner, 'CAL_REQUESTS'), {
      accept: (n) => n === queued,
    });
    await Promise.all([inventory.settle(), liaison.settle()]);
    assert.deepEqual([byInventory, byLiaison], [[], []]);
    assert.deepEqual(await stored(), before);
  });

  test("JetStream's answer to ts1 lands on a decision subject of ts2, where it is not an envelope and decides nothing", async () => {
    const s = await site();
    const [ts1, ts2] = [await s.as('ts1'), await s.as('ts2')];
    const heard = await hear(ts2, ['cal.v1.decision.ts2.*']);
    ts1.nc.publish('cal.v1.license.request.ts1', bytes('{}'), { reply: 'cal.v1.decision.ts2.r1' });
    await ts1.settle();
    const [m] = await eventually('the answer lands', () => heard, { accept: (h) => h.length > 0 });
    const decoded = decode([licenseDecision, licenseFault], m?.data ?? new Uint8Array());
    assert.equal(decoded.ok ? 'a decision' : decoded.fault.code, 'NOT_AN_ENVELOPE');
  });

  test("JetStream's answer to ts1 lands in the inbox of ts2, where it answers no question that ts2 asked", async () => {
    const s = await site();
    const [ts1, ts2] = [await s.as('ts1'), await s.as('ts2')];
    const asking = ts2.nc.jetstream().publish('cal.v1.license.request.ts2', bytes('{}'));
    const heard = await hear(ts2, ['_INBOX_ts_ts2.>']);
    const landed = '_INBOX_ts_ts2.guess';
    ts1.nc.publish('cal.v1.license.request.ts1', bytes('{}'), { reply: landed });
    await ts1.settle();
    assert.equal((await asking).stream, 'CAL_REQUESTS');
    await eventually('the answer lands', () => heard.some((h) => h.subject === landed));
  });

  test("JetStream's answer to ts1 does not cross back to account CAL: nothing is queued or asked in the name of ts2", async () => {
    const s = await site();
    const [ts1, provisioner, issuer] = [await s.as('ts1'), await s.as('provisioner'), await s.as('issuer')];
    const asked = await hear(issuer, ['cal.v1.trust.request.*']);
    const before = await taken(provisioner, 'CAL_REQUESTS');
    for (const verb of ['license.request', 'license.validated', 'trust.request']) {
      ts1.nc.publish('cal.v1.license.request.ts1', bytes('{}'), { reply: `cal.v1.${verb}.ts2` });
    }
    await ts1.settle();
    // One more round trip of ts1 through JetStream: whatever the answers before it caused has happened by then.
    const { seq } = await ts1.nc.jetstream().publish('cal.v1.license.request.ts1', bytes('{}'));
    await issuer.settle();
    assert.equal(seq, before + 4);
    assert.equal(await taken(provisioner, 'CAL_REQUESTS'), seq);
    assert.deepEqual(asked, []);
  });

  test('ts1 asks JetStream to wipe the queue with a rollup header: refused, nothing is lost', async () => {
    const s = await site();
    const [ts1, provisioner] = [await s.as('ts1'), await s.as('provisioner')];
    const jsm = await provisioner.nc.jetstreamManager({ checkAPI: false });
    await ts1.nc.jetstream().publish('cal.v1.license.request.ts1', bytes('{}'));
    const before = (await jsm.streams.info('CAL_REQUESTS')).state.messages;
    for (const rollup of ['all', 'sub']) {
      const h = someHeaders({ 'Nats-Rollup': rollup });
      await assert.rejects(
        ts1.nc.jetstream().publish('cal.v1.license.request.ts1', bytes('{}'), { headers: h }),
      );
    }
    assert.equal((await jsm.streams.info('CAL_REQUESTS')).state.messages, before);
  });
});

suite('a service of account CAL names replies that are not its own', () => {
  const inCal = allIdentities.filter((who) => accountOf(who) === 'CAL');

  test('nothing that any identity of CAL or TS publishes, with the ledger or the leader as reply, reaches account LEDGER', async () => {
    const s = await site();
    const ledger = await s.as('provisioner-ledger');
    const count = async (): Promise<number[]> => [
      await taken(ledger, 'CAL_LEDGER'),
      await taken(ledger, 'KV_CAL_LEADER'),
    ];
    const before = await count();
    const outside: Identity[] = [...inCal, 'ts1', 'ts2'];
    for (const who of outside) {
      const { nc, settle } = await s.as(who);
      for (const subject of mayPublish[who].filter((x) => allSubjects.includes(x))) {
        for (const reply of ['cal.v1.ledger', '$KV.CAL_LEADER.leader', '$JS.API.STREAM.DELETE.CAL_LEDGER']) {
          nc.publish(subject, bytes('{}'), { reply });
        }
      }
      await settle();
    }
    assert.deepEqual(await count(), before);
  });

  test('an answer of JetStream on a command subject is no command: it names no reply of a caller, and is put aside', async () => {
    const s = await site();
    const [inventory, liaison, issuer] = [
      await s.as('inventory'),
      await s.as('clearinghouse-liaison'),
      await s.as('issuer'),
    ];
    const install = responder(inventory, 'cal.v1.inventory.install.*', '_INBOX_liaison');
    const activate = responder(liaison, 'cal.v1.liaison.command.*', '_INBOX_operator');
    await Promise.all([inventory.settle(), liaison.settle()]);
    issuer.nc.publish('cal.v1.dead.issuer', bytes('{}'), { reply: 'cal.v1.inventory.install.1' });
    issuer.nc.publish('cal.v1.dead.issuer', bytes('{}'), { reply: 'cal.v1.liaison.command.activate' });
    await issuer.settle();
    for (const { handled, putAside } of [install, activate]) {
      await eventually('it lands', () => putAside.length === 1);
      assert.deepEqual([handled, putAside[0]?.code], [[], 'FORBIDDEN_REPLY']);
    }
  });

  test('a stolen issuer has a well-formed command, which a terminal server queued for it, delivered to a command subject: put aside, not handled', async () => {
    const s = await site();
    const [inventory, issuer, ts1, provisioner] = [
      await s.as('inventory'),
      await s.as('issuer'),
      await s.as('ts1'),
      await s.as('provisioner'),
    ];
    const install = responder(inventory, 'cal.v1.inventory.install.*', '_INBOX_liaison');
    await inventory.settle();
    const forged = encode(
      inventoryInstall,
      { id: 'forged', sentAt: 1 },
      { commandId: 'c', keyPack: 'a.b.c', by: 'thief' },
    );
    const jsm = await provisioner.nc.jetstreamManager({ checkAPI: false });
    const waiting = (await jsm.consumers.info('CAL_REQUESTS', 'issuers')).num_pending;
    // Everything that waits is delivered, the forged command last; the reply of a delivery is where it is acknowledged.
    await ts1.nc.jetstream().publish('cal.v1.license.request.ts1', forged, {
      headers: someHeaders({ 'Reply-To': '_INBOX_liaison.x' }),
    });
    const batch = JSON.stringify({ batch: waiting + 1, no_wait: true });
    issuer.nc.publish('$JS.API.CONSUMER.MSG.NEXT.CAL_REQUESTS.issuers', bytes(batch), {
      reply: 'cal.v1.inventory.install.1',
    });
    await issuer.settle();
    await eventually('all are delivered', () => install.putAside.length >= waiting + 1);
    assert.deepEqual(install.handled, []);
    assert.deepEqual([...new Set(install.putAside.map((f) => f.code))], ['FORBIDDEN_REPLY']);
  });

  test('a sealed value that the liaison has delivered to a command subject names no reply: put aside, not handled', async () => {
    const s = await site();
    const [inventory, liaison] = [await s.as('inventory'), await s.as('clearinghouse-liaison')];
    const operate = responder(inventory, 'cal.v1.inventory.operate.*', '_INBOX_operator');
    await inventory.settle();
    const forged = encode(
      inventoryInstall,
      { id: 'forged', sentAt: 1 },
      { commandId: 'c', keyPack: 'a.b.c', by: 'thief' },
    );
    await liaison.nc.jetstream().publish('$KV.CAL_KEYS.x', forged);
    const get = bytes(JSON.stringify({ last_by_subj: '$KV.CAL_KEYS.x' }));
    liaison.nc.publish('$JS.API.DIRECT.GET.KV_CAL_KEYS.$KV.CAL_KEYS.x', new Uint8Array(), {
      reply: 'cal.v1.inventory.operate.1',
    });
    liaison.nc.publish('$JS.API.DIRECT.GET.KV_CAL_KEYS.x', get, { reply: 'cal.v1.inventory.operate.1' });
    await liaison.settle();
    await eventually('it lands', () => operate.putAside.length >= 1);
    assert.deepEqual(operate.handled, []);
    assert.ok(operate.putAside.every((f) => f.code === 'FORBIDDEN_REPLY'));
  });

  test("an answer is never sent to a reply outside its callers' inbox, whatever a caller names", async () => {
    const s = await site();
    const [inventory, liaison, operator] = [
      await s.as('inventory'),
      await s.as('clearinghouse-liaison'),
      await s.as('operator'),
    ];
    const install = responder(inventory, 'cal.v1.inventory.install.*', '_INBOX_liaison');
    await inventory.settle();
    const heard = await hear(operator, ['_INBOX_operator.>', 'cal.v1.decision.*.*', 'cal.v1.inventory.head']);
    const command = encode(
      inventoryInstall,
      { id: 'c1', sentAt: 1 },
      { commandId: 'c', keyPack: 'a.b.c', by: 'liaison' },
    );
    const foreign = [
      '_INBOX_operator.x',
      'cal.v1.decision.ts1.r1',
      'cal.v1.inventory.head',
      'cal.v1.ledger',
      '_INBOX_liaisonx.y',
    ];
    for (const reply of foreign) liaison.nc.publish('cal.v1.inventory.install.1', command, { reply });
    await liaison.settle();
    await eventually('all are put aside', () => install.putAside.length === foreign.length);
    await operator.settle();
    assert.deepEqual([install.handled, heard], [[], []]);
    // and the one that is its own is answered
    const answer = await liaison.nc.request('cal.v1.inventory.install.1', command, { timeout: 2_000 });
    assert.equal(decode([inventoryAccepted], answer.data).ok, true);
  });

  test('a well-formed beacon that a stolen issuer or liaison has JetStream deliver on the head subject is known for what it is, and passed over', async () => {
    const s = await site();
    const [issuer, liaison, operator, ts1, provisioner] = [
      await s.as('issuer'),
      await s.as('clearinghouse-liaison'),
      await s.as('operator'),
      await s.as('ts1'),
      await s.as('provisioner'),
    ];
    const beacons: { id: string; passedOver: boolean }[] = [];
    operator.nc.subscribe('cal.v1.inventory.head', {
      callback: (_error, m) => {
        const decoded = decode([leaderHeartbeat], m.data);
        if (decoded.ok) beacons.push({ id: decoded.message.id, passedOver: isJetStreamDelivery(m) });
      },
    });
    await operator.settle();
    const beacon = (id: string, term: number): Uint8Array =>
      encode(
        leaderHeartbeat,
        { id, sentAt: 1 },
        {
          term,
          replica: 'r',
          generation: 'g',
          sequence: 1,
          hash: '0'.repeat(64),
          time: 1,
          trustRevision: 1,
        },
      );
    const forged = beacon('forged', 9);
    await ts1.nc.jetstream().publish('cal.v1.license.request.ts1', forged);
    const jsm = await provisioner.nc.jetstreamManager({ checkAPI: false });
    const waiting = (await jsm.consumers.info('CAL_REQUESTS', 'issuers')).num_pending;
    const reply = 'cal.v1.inventory.head';
    const batch = JSON.stringify({ batch: waiting, no_wait: true });
    issuer.nc.publish('$JS.API.CONSUMER.MSG.NEXT.CAL_REQUESTS.issuers', bytes(batch), { reply });
    await issuer.settle();
    await eventually('the forged beacon is delivered', () => beacons.length === 1);
    await liaison.nc.jetstream().publish('$KV.CAL_KEYS.beacon', forged);
    liaison.nc.publish('$JS.API.DIRECT.GET.KV_CAL_KEYS.$KV.CAL_KEYS.beacon', new Uint8Array(), { reply });
    await liaison.settle();
    await eventually('the forged beacon is read out', () => beacons.length === 2);
    const inventory = await s.as('inventory');
    inventory.nc.publish(reply, beacon('real', 1));
    await eventually('the real beacon is heard', () => beacons.length === 3);
    assert.deepEqual(beacons, [
      { id: 'forged', passedOver: true },
      { id: 'forged', passedOver: true },
      { id: 'real', passedOver: false },
    ]);
  });

  test('an answer of JetStream on the head beacon is not an envelope', async () => {
    const s = await site();
    const [issuer, operator] = [await s.as('issuer'), await s.as('operator')];
    const heard = await hear(operator, ['cal.v1.inventory.head']);
    issuer.nc.publish('cal.v1.dead.issuer', bytes('{}'), { reply: 'cal.v1.inventory.head' });
    await issuer.settle();
    const [m] = await eventually('it lands', () => heard, { accept: (h) => h.length > 0 });
    const decoded = decode([leaderHeartbeat], m?.data ?? new Uint8Array());
    assert.equal(decoded.ok ? 'a head' : decoded.fault.code, 'NOT_AN_ENVELOPE');
  });

  test('an answer of JetStream on the key of the issuing keys is stored as its newest value, is no envelope, and is for readers to pass over', async () => {
    const s = await site();
    const [issuer, liaison, provisioner] = [
      await s.as('issuer'),
      await s.as('clearinghouse-liaison'),
      await s.as('provisioner'),
    ];
    const good = encode(issuingKeys, { id: 'k1', sentAt: 1 }, { keys: [] });
    const { seq } = await liaison.nc.jetstream().publish('$KV.CAL_KEYS.issuing', good);
    issuer.nc.publish('cal.v1.dead.issuer', bytes('{}'), { reply: '$KV.CAL_KEYS.issuing' });
    await issuer.settle();
    await eventually('it lands', async () => (await taken(provisioner, 'KV_CAL_KEYS')) > seq);
    const { data } = await issuer.nc.request('$JS.API.DIRECT.GET.KV_CAL_KEYS.$KV.CAL_KEYS.issuing');
    const decoded = decode([issuingKeys], data);
    assert.equal(decoded.ok ? 'issuing keys' : decoded.fault.code, 'NOT_AN_ENVELOPE');
  });
});

suite('the registrar, in the account of the servers, names replies that are not its own', () => {
  test('what steers a server, as reply to all that it may ask: nobody is cut off, nothing is stored or lost, and the server runs', async () => {
    const s = await site();
    const [registrar, ts1, provisioner, ledger] = [
      await s.as('registrar'),
      await s.as('ts1'),
      await s.as('provisioner'),
      await s.as('provisioner-ledger'),
    ];
    const id: unknown = (await registrar.nc.request('$SYS.REQ.SERVER.PING')).json<{
      server: { id: string };
    }>().server.id;
    const stored = async (): Promise<number[]> => [
      await taken(ledger, 'CAL_LEDGER'),
      await taken(ledger, 'KV_CAL_LEADER'),
      await taken(provisioner, 'KV_CAL_KEYS'),
      await taken(provisioner, 'CAL_REQUESTS'),
    ];
    const before = await stored();
    const steering = [
      ...['KICK', 'LDM', 'RELOAD', 'SHUTDOWN', 'PROFILEZ', 'HEALTHZ'].map(
        (what) => `$SYS.REQ.SERVER.${String(id)}.${what}`,
      ),
      `$SYS.SERVER.${String(id)}.SHUTDOWN`,
      '$SYS.REQ.ACCOUNT.CAL.CLAIMS.UPDATE',
      '$SYS.REQ.CLAIMS.DELETE',
      '$SYS.ACCOUNT.TS.DISCONNECT',
      '$JS.API.STREAM.DELETE.CAL_LEDGER',
      '$JS.API.META.LEADER.STEPDOWN',
      'cal.v1.ledger',
      '$KV.CAL_LEADER.leader',
      'cal.v1.license.request.ts1',
      'cal.v1.decision.ts1.r1',
    ];
    const heard = await hear(ts1, ['cal.v1.decision.ts1.*']);
    for (const reply of steering)
      for (const subject of [
        '$SYS.REQ.SERVER.PING',
        '$SYS.REQ.ACCOUNT.TS.CONNZ',
        `$SYS.REQ.SERVER.${String(id)}.RELOAD`,
      ])
        registrar.nc.publish(subject, bytes('{}'), { reply });
    // The server works its own account's requests off in order: by this answer it has seen the others.
    const again = (await registrar.nc.request('$SYS.REQ.SERVER.PING', '', { timeout: 20_000 })).json<{
      server: { id: string };
    }>();
    assert.equal(again.server.id, id);
    // While a server reads its configuration again, a request to JetStream can find nobody there.
    await eventually('JetStream answers, as before', stored, {
      accept: (now) => isDeepStrictEqual(now, before),
    });
    assert.deepEqual([heard, ts1.nc.isClosed()], [[], false]);
    const { seq } = await ts1.nc.jetstream().publish('cal.v1.license.request.ts1', bytes('{}'));
    assert.equal(seq, (before[3] ?? 0) + 1);
  });
});
