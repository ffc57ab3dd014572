// The issuer as its own process on a real bus; the test itself is the inventory leader, the liaison and the terminal servers.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { NatsConnection } from 'nats';
import { decode, encode, type Body } from '@calbus/contracts/envelope';
import { faultOf } from '@calbus/contracts/faults';
import { inboxes } from '@calbus/contracts/identities';
import { inventoryAllocate, inventoryAllocated, type Outcome } from '@calbus/contracts/allocation-messages';
import { leaderHeartbeat } from '@calbus/contracts/leader-heartbeat';
import { inventoryTrust, queryTrust } from '@calbus/contracts/inventory-query-messages';
import { serviceFault } from '@calbus/contracts/service-fault';
import { deadLetter } from '@calbus/contracts/dead-letter';
import { issuingKeys } from '@calbus/contracts/issuing-keys';
import { NO_HASH } from '@calbus/contracts/ledger';
import { streams } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import { licenseRequest } from '@calbus/contracts/terminal-server-messages';
import { systemClock } from '@calbus/runtime/clock';
import { natsDeadLetters } from '@calbus/runtime/dead-letters';
import { newId } from '@calbus/runtime/ids';
import { createLog } from '@calbus/runtime/log';
import { answerWith, respond } from '@calbus/runtime/responder';
import { connect, type TerminalServer } from '@calbus/terminal-server/client';
import { UNACTIVATED } from '@calbus/contracts/license';
import {
  testLicenseServer,
  type TestIssuingKey,
  type TestLicenseServer,
} from '@calbus/test-support/license-server-certificates';
import { testBus, type TestBus } from '@calbus/test-support/nats-bus';
import { eventually } from '@calbus/test-support/eventually';
import { startService, type ServiceProcess } from '@calbus/test-support/service-process';
import { privateKeyToPem } from '@calbus/licenses/certificates';
import { openJws } from '@calbus/licenses/jws';
import { issuingKeyContext, encrypt } from '@calbus/licenses/encryption';

const DAY = 86_400_000;
const secret = 's'.repeat(40);
const dir = mkdtempSync(path.join(tmpdir(), 'calbus-issuer-'));
const file = (name: string, content: string): string => {
  writeFileSync(path.join(dir, name), content, { mode: 0o600 });
  return path.join(dir, name);
};
const byText = (a: string, b: string): number => a.localeCompare(b);
const hw = (n: number): string => `00000104${n.toString(16).padStart(32, '0')}`;

let bus: TestBus;
let issuer: ServiceProcess;
let inventory: NatsConnection;
let ts: TerminalServer;
let server: TestLicenseServer;
/** Newest first. */
let issuing: TestIssuingKey[] = [];
/** What inventory answers; the beacon may be ahead of it. */
let answeredRevision = 1;
let asked: string[] = [];
let fail: Body<typeof serviceFault>['code'] | undefined;

const head = {
  term: 3,
  replica: 'r',
  generation: 'g1',
  sequence: 7,
  hash: NO_HASH,
  time: Date.now(),
  trustRevision: 1,
};
const stamp = () => ({ id: newId(), sentAt: Date.now() });

/** Publishes one more key, before those there are. */
const publishKey = async (kid: string): Promise<void> => {
  issuing = [await server.issuingKey(kid), ...issuing];
  const liaison = await bus.connectAs('clearinghouse-liaison');
  const body = {
    keys: issuing.map(({ kid, keys, chain }) => {
      const sealed = encrypt(secret, issuingKeyContext(kid), privateKeyToPem(keys.privateKey));
      return { kid, chain, ...server.span, sealed };
    }),
  };
  await liaison.jetstream().publish(subjects.issuingKeys, encode(issuingKeys, stamp(), body));
};

const playInventory = (): void => {
  const log = createLog('test', 'silent');
  const deps = {
    nc: inventory,
    clock: systemClock,
    log,
    dead: natsDeadLetters(inventory.jetstream(), 'inventory', systemClock, log),
  };
  const trust = {
    position: { generation: 'g1', sequence: 7 },
    licenseServerId: 'unactivated' as const,
    epoch: 0,
    chains: [],
    ended: [],
  };
  respond(deps, {
    subject: subjects.inventory.query('issuer', 'trust'),
    contracts: [queryTrust],
    callers: inboxes.issuer,
    handlers: {
      [queryTrust.type]: () => answerWith(inventoryTrust, { ...trust, trustRevision: answeredRevision }),
    },
  });
  respond(deps, {
    subject: subjects.inventory.allocate(3),
    contracts: [inventoryAllocate],
    callers: inboxes.issuer,
    handlers: {
      [inventoryAllocate.type]: (m) => {
        if (fail) return answerWith(serviceFault, { code: fail, says: 'as the test says' });
        asked.push(...m.body.items.map((i) => i.requestId));
        const items = m.body.items.map((i): Outcome => ({
          requestId: i.requestId,
          row: 'D4',
          decidedAt: Date.now(),
          position: { generation: 'g1', sequence: 8 },
          outcome:
            i.kind !== 'license'
              ? { kind: 'noted' }
              : {
                  kind: 'license',
                  license: {
                    licenseId: `l-${i.hardwareId.slice(-4)}`,
                    licenseServerId: 'unactivated',
                    epoch: 0,
                    kind: 'temporary',
                    mode: 'per-device',
                    version: '2003',
                    keyPackId: null,
                    hardwareId: i.hardwareId,
                    deviceId: 'd',
                    deviceName: 'desk',
                    userName: null,
                    issuedAt: Date.now(),
                    notAfter: Date.now() + DAY,
                    position: { generation: 'g1', sequence: 8 },
                  },
                },
        }));
        return answerWith(inventoryAllocated, { items });
      },
    },
  });
};

let beacon: NodeJS.Timeout | undefined;
before(async () => {
  bus = await testBus();
  server = await testLicenseServer(UNACTIVATED);
  await publishKey('k1');
  inventory = await bus.connectAs('inventory');
  playInventory();
  beacon = setInterval(
    () => inventory.publish(subjects.inventory.heartbeat, encode(leaderHeartbeat, stamp(), head)),
    250,
  );
  issuer = await startService({
    main: path.resolve(import.meta.dirname, 'main.ts'),
    env: {
      CALBUS_NATS_URL: bus.url,
      CALBUS_NATS_SEED_FILE: bus.seedFile('issuer'),
      CALBUS_CLEARINGHOUSE_ROOT_FILE: file('root.pem', server.rootPem),
      CALBUS_DEPLOYMENT_SECRET_FILE: file('secret', secret),
    },
    ready: /"state":"(started|ready)"/,
  });
  await eventually('the issuer knows whom to trust', () =>
    issuer.stdout().includes('what is trusted is up to date'),
  );
  ts = await connect({
    servers: bus.url,
    seed: bus.seed({ terminalServer: 'ts1' }),
    terminalServerId: 'ts1',
    mode: 'per-device',
    version: '2003',
    roots: [server.rootPem],
    waitsMs: 4_000,
  });
});
after(async () => {
  clearInterval(beacon);
  await ts?.close();
  await issuer?.stop();
  await bus?.[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

const deadLetters = async (): Promise<Body<typeof deadLetter>[]> => {
  const nc = await bus.connectAs('operator');
  const jsm = await nc.jetstreamManager({ checkAPI: false });
  const { state } = await jsm.streams.info(streams.deadLetters.name);
  const letters: Body<typeof deadLetter>[] = [];
  for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq += 1) {
    const decoded = decode(
      [deadLetter],
      (await jsm.streams.getMessage(streams.deadLetters.name, { seq })).data,
    );
    if (decoded.ok) letters.push(decoded.message.body);
  }
  return letters;
};

describe('the issuer', () => {
  test('a request is decided, signed and verified end to end', async () => {
    const d = await ts.request({ device: { hardwareId: hw(1), name: 'desk-1' } });
    assert.equal(d.row, 'D4');
    assert.ok(d.outcome.kind === 'license');
    const checked = ts.check(d.outcome.license);
    assert.ok(checked.ok && checked.claims.sub === hw(1));
  });

  test('N3 is refused without asking inventory', async () => {
    asked = [];
    const d = await ts.request({ device: { hardwareId: '0'.repeat(40), name: 'x' } });
    assert.equal(d.row, 'N3');
    assert.ok(d.outcome.kind === 'refused' && d.outcome.code === 'NO_DEVICE_IDENTITY');
    assert.deepEqual(asked, []);
  });

  test('while there is no leader the request waits in the queue, and is answered when there is', async () => {
    fail = 'NOT_LEADER';
    const answer = ts.request({ device: { hardwareId: hw(2), name: 'desk-2' } });
    await new Promise((r) => setTimeout(r, 700));
    fail = undefined;
    assert.equal((await answer).row, 'D4');
  });

  test('what faults three times is put aside, and its sender is told', async () => {
    fail = 'HANDLER_FAILED';
    const error: unknown = await ts
      .request({ device: { hardwareId: hw(3), name: 'desk-3' } })
      .catch((e: unknown) => e);
    fail = undefined;
    assert.equal(faultOf(error)?.code, 'HANDLER_FAILED');
    const mine = (l: { bytes: string }): boolean => Buffer.from(l.bytes, 'base64').includes(hw(3));
    const letter = (await deadLetters()).find((l) => l.code === 'HANDLER_FAILED' && mine(l));
    assert.equal(letter?.deliveries, 3);
    assert.equal(letter.service, 'issuer');
  });

  test('garbage of every kind is put aside with its reason, and changes nothing', async () => {
    asked = [];
    const nc = await bus.connectAs({ terminalServer: 'ts2' });
    const js = nc.jetstream();
    const good = {
      requestId: 'bad1',
      waitsMs: 1_000,
      mode: 'per-device',
      version: '2003',
      device: { hardwareId: hw(4), name: 'd' },
    };
    const as = (change: object): Uint8Array => {
      const value = JSON.parse(
        new TextDecoder().decode(encode(licenseRequest, stamp(), good as Body<typeof licenseRequest>)),
      ) as object;
      return new TextEncoder().encode(JSON.stringify({ ...value, ...change }));
    };
    const cases: [string, Uint8Array, string][] = [
      ['NOT_UTF8', Uint8Array.of(0xff, 0xfe), 'request'],
      ['NOT_JSON', new TextEncoder().encode('{'), 'request'],
      ['NOT_AN_ENVELOPE', new TextEncoder().encode('[]'), 'request'],
      ['UNKNOWN_TYPE', as({ type: 'license.other' }), 'request'],
      ['UNKNOWN_VERSION', as({ version: 99 }), 'request'],
      ['INVALID_BODY', as({ body: { ...good, device: { hardwareId: 'xyz', name: 'd' } } }), 'request'],
      [
        'INVALID_BODY',
        as({ body: { ...good, device: { hardwareId: hw(4), name: 'n'.repeat(9_000) } } }),
        'request',
      ],
      ['WRONG_SUBJECT', as({}), 'other'],
      ['UNKNOWN_TYPE', as({}), 'validated'],
    ];
    const told: string[] = [];
    nc.subscribe(subjects.decision.to('ts2'), { callback: (_e, m) => told.push(m.subject) });
    for (const [, bytes, verb] of cases) await js.publish(`cal.v1.license.${verb}.ts2`, bytes);
    const codes = await eventually('all are put aside', async () => {
      const found = (await deadLetters()).filter((l) => l.subject.endsWith('.ts2')).map((l) => l.code);
      return found.length >= cases.length ? found : undefined;
    });
    assert.deepEqual((codes ?? []).toSorted(byText), cases.map(([c]) => c).toSorted(byText));
    assert.match(issuer.stdout(), /"code":"INVALID_BODY".*"requestId":"bad1","msg":"message put aside"/);
    assert.deepEqual(asked, []);
    assert.ok(told.length > 0 && told.every((s) => s === subjects.decision.of('ts2', 'bad1')));
    assert.equal((await ts.request({ device: { hardwareId: hw(5), name: 'd' } })).row, 'D4');
  });

  test('garbage on the beacon and on the trust subject is put aside, and changes nothing', async () => {
    inventory.publish(subjects.inventory.heartbeat, new TextEncoder().encode('junk'));
    const nc = await bus.connectAs({ terminalServer: 'ts2' });
    nc.publish(subjects.trust.request('ts2'), new TextEncoder().encode('junk'));
    await eventually('both are put aside', async () => {
      const found = (await deadLetters()).map((l) => l.subject);
      return found.includes(subjects.inventory.heartbeat) && found.includes(subjects.trust.request('ts2'));
    });
    assert.equal((await ts.request({ device: { hardwareId: hw(6), name: 'd' } })).row, 'D4');
  });

  test('a new key signs only once whoever asks is told of it', async () => {
    const signedBy = async (n: number): Promise<string | undefined> => {
      const { outcome } = await ts.request({ device: { hardwareId: hw(n), name: 'd' } });
      return outcome.kind === 'license' ? openJws(outcome.license)?.header.kid : undefined;
    };
    // The replica that answers is behind, so that what is trusted cannot be brought up to date.
    head.trustRevision = 2;
    inventory.publish(subjects.inventory.heartbeat, encode(leaderHeartbeat, stamp(), head));
    await inventory.flush();
    await publishKey('k2');
    await new Promise((r) => setTimeout(r, 3_000)); // keys are looked at every two seconds
    assert.equal(await signedBy(8), 'k1');
    answeredRevision = 2;
    await eventually('the new key signs', async () => (await signedBy(9)) === 'k2', { withinMs: 8_000 });
  });

  test('kill -9 while a request is in hand: another issuer answers it', async () => {
    fail = 'NOT_LEADER';
    const answer = ts.request({ device: { hardwareId: hw(7), name: 'desk-7' } });
    await new Promise((r) => setTimeout(r, 300));
    await issuer.kill();
    fail = undefined;
    issuer = await startService({
      main: path.resolve(import.meta.dirname, 'main.ts'),
      env: {
        CALBUS_NATS_URL: bus.url,
        CALBUS_NATS_SEED_FILE: bus.seedFile('issuer'),
        CALBUS_CLEARINGHOUSE_ROOT_FILE: path.join(dir, 'root.pem'),
        CALBUS_DEPLOYMENT_SECRET_FILE: path.join(dir, 'secret'),
      },
      ready: /"state":"(started|ready)"/,
    });
    assert.equal((await answer).row, 'D4');
  });
});
