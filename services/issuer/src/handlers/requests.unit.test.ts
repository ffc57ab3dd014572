import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { encode, type Body } from '@calbus/contracts/envelope';
import { fault, FaultError, type FaultCode } from '@calbus/contracts/faults';
import type { Allocation, Outcome } from '@calbus/contracts/allocation-messages';
import { claimsOf, type LicenseClaims } from '@calbus/contracts/license';
import {
  licenseRelearn,
  licenseRequest,
  licenseRequests,
  licenseStands,
  licenseValidated,
  MAX_BATCH_REQUESTS,
  type licenseDecision,
} from '@calbus/contracts/terminal-server-messages';
import type { LicenseCheck } from '@calbus/licenses/verifier';
import type { QueuedMessage } from '../ports.ts';
import { createEndpoints } from '@calbus/runtime/endpoints';
import { createMetrics, type Metrics } from '@calbus/runtime/metrics';
import { issuerMetrics } from '../adapters/metrics.ts';
import type { RequestDeps } from './queued-request.ts';
import { handleBatch } from './requests.ts';

const NOW = 1_790_000_000_000;
const POISON = 'desk-poison';
const hw = (n: number): string => `00000104${n.toString(16).padStart(32, '0')}`;

type Fate = 'done' | 'again';
type Message = { readonly queued: QueuedMessage; readonly fates: Fate[] };

const message = (bytes: Uint8Array, over: Partial<QueuedMessage> = {}): Message => {
  const fates: Fate[] = [];
  return {
    fates,
    queued: {
      subject: 'cal.v1.license.request.ts1',
      bytes,
      storedAt: NOW,
      deliveries: 1,
      extendAckWait: () => {},
      acknowledge: () => fates.push('done'),
      retry: () => fates.push('again'),
      ...over,
    },
  };
};

const ask = (n: number, over: Partial<Body<typeof licenseRequest>> = {}): Uint8Array =>
  encode(
    licenseRequest,
    { id: `m${n}`, sentAt: NOW },
    {
      requestId: `r${n}`,
      waitsMs: 8_000,
      mode: 'per-device',
      version: '2003',
      device: { hardwareId: hw(n), name: `desk-${n}` },
      ...over,
    },
  );

const claims = (over: Partial<LicenseClaims>): LicenseClaims => ({
  jti: 'l1',
  iss: 'unactivated',
  sub: hw(1),
  iat: 1,
  exp: 2,
  epoch: 0,
  kind: 'temporary',
  mode: 'per-device',
  version: '2003',
  pack: null,
  deviceId: 'd1',
  deviceName: 'desk-1',
  userName: null,
  generation: 'g0',
  sequence: 4,
  ...over,
});

type World = {
  readonly metrics: Metrics;
  readonly deps: RequestDeps;
  readonly asked: Allocation[][];
  readonly decided: Body<typeof licenseDecision>[];
  /** What was told in one message. */
  readonly told: { id: string; together: boolean; requestIds: string[]; signed?: string }[];
  readonly faults: { requestId: string; terminalServerId: string; code: FaultCode }[];
  readonly dead: { subject: string; code: FaultCode; deliveries: number }[];
};

const world = (
  o: {
    readonly fails?: (items: readonly Allocation[]) => unknown;
    readonly check?: LicenseCheck;
    readonly key?: boolean;
    /** Whether licenses are signed just now. */
    readonly fresh?: boolean;
    readonly position?: boolean;
    readonly deadStored?: boolean;
  } = {},
): World => {
  const w: Omit<World, 'deps'> = {
    asked: [],
    decided: [],
    told: [],
    faults: [],
    dead: [],
    metrics: createMetrics(),
  };
  const answer = (i: Allocation): Outcome => ({
    requestId: i.requestId,
    row: 'D4',
    decidedAt: NOW,
    position: { generation: 'g1', sequence: 9 },
    outcome:
      i.kind === 'validated'
        ? { kind: 'validated', licenseId: i.licenseId }
        : i.kind !== 'license'
          ? { kind: 'noted' }
          : {
              kind: 'license',
              license: {
                licenseId: `l-${i.requestId}`,
                licenseServerId: 'unactivated',
                epoch: 0,
                kind: 'temporary',
                mode: 'per-device',
                version: i.version,
                keyPackId: null,
                hardwareId: i.hardwareId,
                deviceId: 'd',
                deviceName: i.deviceName,
                userName: null,
                issuedAt: NOW,
                notAfter: NOW + 1,
                position: { generation: 'g1', sequence: 9 },
              },
            },
  });
  const silent = (): void => {};
  return {
    ...w,
    deps: {
      counts: issuerMetrics(w.metrics, createEndpoints()),
      clock: { now: () => NOW, monotonic: () => 0, sleep: async () => {} },
      log: { debug: silent, info: silent, warn: silent, error: silent },
      dead: {
        put: async ({ subject, fault: f, deliveries }) => {
          w.dead.push({ subject, code: f.code, deliveries });
          return o.deadStored ?? true;
        },
      },
      inventory: {
        allocate: async (items) => {
          w.asked.push([...items]);
          const error = o.fails?.(items);
          if (error !== undefined) throw error;
          return items.map(answer);
        },
        position: () => ((o.position ?? true) ? { generation: 'g1', sequence: 7 } : undefined),
      },
      terminalServers: {
        publishDecisions: (decisions, { id, together }, signed) => {
          w.decided.push(...decisions);
          const requestIds = decisions.map((d) => d.requestId);
          w.told.push({ id, together, requestIds, ...(signed === undefined ? {} : { signed }) });
        },
        publishFault: ({ requestId, terminalServerId, code }) =>
          w.faults.push({ requestId, terminalServerId, code }),
      },
      signer: {
        sign: () => ((o.key ?? true) ? { license: 'a.b.c', fresh: o.fresh ?? true } : undefined),
        signBatch: (licenses) => (licenses.length > 1 ? `all of ${licenses.length}` : undefined),
        verify: () => o.check ?? { ok: false, why: 'its signature does not verify' },
      },
    },
  };
};

const run = async (w: World, messages: readonly Message[]): Promise<Fate[]> => {
  await handleBatch(
    w.deps,
    messages.map((m) => m.queued),
  );
  for (const m of messages) assert.equal(m.fates.length, 1, 'each message has exactly one fate');
  return messages.flatMap((m) => m.fates);
};

const poisoned = (items: readonly Allocation[]): unknown =>
  items.some((i) => i.kind === 'license' && i.deviceName === POISON)
    ? new FaultError(fault('HANDLER_FAILED'))
    : undefined;

describe('a batch', () => {
  test('is one command to the leader, and the terminal server is the one the subject names', async () => {
    const w = world();
    const messages = [
      message(ask(1)),
      message(ask(2), { subject: 'cal.v1.license.request.ts2' }),
      message(
        encode(
          licenseValidated,
          { id: 'm3', sentAt: NOW },
          { requestId: 'r3', waitsMs: 1_000, licenseId: 'l9', hardwareId: hw(3) },
        ),
        { subject: 'cal.v1.license.validated.ts3' },
      ),
    ];
    assert.deepEqual(await run(w, messages), ['done', 'done', 'done']);
    assert.deepEqual(
      w.asked.map((items) => items.map((i) => [i.kind, i.terminalServerId])),
      [
        [
          ['license', 'ts1'],
          ['license', 'ts2'],
          ['validated', 'ts3'],
        ],
      ],
    );
    assert.deepEqual(
      w.decided.map((d) => [d.terminalServerId, d.requestId, d.outcome.kind]),
      [
        ['ts1', 'r1', 'license'],
        ['ts2', 'r2', 'license'],
        ['ts3', 'r3', 'validated'],
      ],
    );
  });

  test('one request that the leader fails on takes no other with it, and is put aside at its third delivery', async () => {
    for (const [deliveries, fate] of [
      [1, 'again'],
      [2, 'again'],
      [3, 'done'],
    ] as const) {
      const w = world({ fails: poisoned });
      const good = Array.from({ length: 99 }, (_, n) => message(ask(n)));
      const bad = message(ask(99, { device: { hardwareId: hw(99), name: POISON } }), { deliveries });
      const fates = await run(w, [...good.slice(0, 41), bad, ...good.slice(41)]);
      assert.equal(fates[41], fate);
      assert.equal(fates.filter((f) => f === 'done').length, fate === 'done' ? 100 : 99);
      assert.equal(w.decided.length, 99);
      assert.deepEqual(
        w.faults.map((f) => f.requestId),
        fate === 'done' ? ['r99'] : [],
      );
      assert.deepEqual(
        w.dead.map((d) => [d.code, d.deliveries]),
        fate === 'done' ? [['HANDLER_FAILED', 3]] : [],
      );
      assert.ok(w.asked.length <= 16, `${w.asked.length} commands`);
    }
  });

  test('an error that is no fault counts as HANDLER_FAILED', async () => {
    const w = world({ fails: () => new TypeError('boom') });
    assert.deepEqual(await run(w, [message(ask(1), { deliveries: 3 })]), ['done']);
    assert.deepEqual(w.faults, [{ requestId: 'r1', terminalServerId: 'ts1', code: 'HANDLER_FAILED' }]);
  });

  for (const code of ['NO_LEADER', 'NOT_LEADER', 'UNREACHABLE', 'TIMEOUT'] as const) {
    test(`${code} passes by itself: everything comes again, however often it was delivered`, async () => {
      const w = world({ fails: () => new FaultError(fault(code)) });
      assert.deepEqual(await run(w, [message(ask(1)), message(ask(2), { deliveries: 40 })]), [
        'again',
        'again',
      ]);
      assert.equal(w.asked.length, 1);
      assert.deepEqual([w.dead, w.faults, w.decided], [[], [], []]);
    });
  }

  test('a request past its own deadline is dropped without asking; one just in time is decided', async () => {
    const w = world();
    const late = message(ask(1, { waitsMs: 1_000 }), { storedAt: NOW - 1_001 });
    const inTime = message(ask(2, { waitsMs: 1_000 }), { storedAt: NOW - 1_000 });
    assert.deepEqual(await run(w, [late, inTime]), ['done', 'done']);
    assert.deepEqual(
      w.decided.map((d) => d.requestId),
      ['r2'],
    );
    assert.deepEqual(w.dead, []);
  });

  test('without a key that may sign, what needs a signature comes again', async () => {
    const w = world({ key: false });
    assert.deepEqual(await run(w, [message(ask(1))]), ['again']);
    assert.deepEqual(w.decided, []);
  });

  test('what does not decode is put aside at once, its sender told where a request id can be found', async () => {
    const w = world();
    const text = (s: string): Uint8Array => new TextEncoder().encode(s);
    const messages = [
      message(text('not json')),
      message(text('{"body":{"requestId":"r7"}}')),
      message(text('{"body":{"requestId":"cal.v1.ledger"}}')),
      message(ask(1), { subject: 'cal.v1.license.other.ts1' }),
      message(ask(2), { subject: 'cal.v1.license.validated.ts1' }),
    ];
    assert.deepEqual(await run(w, messages), ['done', 'done', 'done', 'done', 'done']);
    assert.deepEqual(
      w.dead.map((d) => d.code),
      ['NOT_JSON', 'NOT_AN_ENVELOPE', 'NOT_AN_ENVELOPE', 'WRONG_SUBJECT', 'UNKNOWN_TYPE'],
    );
    assert.deepEqual(
      w.faults.map((f) => f.requestId),
      ['r7', 'r1', 'r2'],
    );
    assert.deepEqual(w.asked, []);
  });

  test('a dead letter that cannot be stored is not forgotten: the message comes again', async () => {
    const w = world({ deadStored: false });
    assert.deepEqual(await run(w, [message(new TextEncoder().encode('x'))]), ['again']);
    assert.deepEqual(w.faults, []);
  });
});

describe('requests that came together', () => {
  const several = (ns: readonly number[], over: Partial<QueuedMessage> = {}, name?: string): Message => {
    const requests = ns.map((n) => ({
      requestId: `r${n}`,
      waitsMs: 8_000,
      mode: 'per-device' as const,
      version: '2003' as const,
      device: { hardwareId: hw(n), name: n === 13 ? (name ?? `desk-${n}`) : `desk-${n}` },
    }));
    const bytes = encode(licenseRequests, { id: `m${ns[0]}`, sentAt: NOW }, { requests });
    return message(bytes, { subject: 'cal.v1.license.requests.ts1', ...over });
  };
  const count = (n: number, from = 1): number[] => Array.from({ length: n }, (_, i) => from + i);

  test('are decided each by itself and answered together; the message is done once', async () => {
    const w = world();
    const alone = message(ask(9), { subject: 'cal.v1.license.request.ts2' });
    assert.deepEqual(await run(w, [several([1, 2, 3]), alone]), ['done', 'done']);
    assert.deepEqual(w.told, [
      { id: 'm1', together: true, requestIds: ['r1', 'r2', 'r3'], signed: 'all of 3' },
      { id: 'm9', together: false, requestIds: ['r9'] },
    ]);
    assert.equal(w.asked.length, 1, 'one command to the leader');
    const text = await w.metrics.text();
    assert.ok(text.includes('\ncalbus_license_requests_total{kind="request"} 4\n'));
  });

  test('get no signature for all of them where all were given lately', async () => {
    const w = world({ fresh: false });
    await run(w, [several([1, 2, 3])]);
    assert.deepEqual(w.told, [{ id: 'm1', together: true, requestIds: ['r1', 'r2', 'r3'] }]);
  });

  test('are as many commands as the leader takes requests at once', async () => {
    const w = world();
    const messages = count(40).map((n) => several(count(MAX_BATCH_REQUESTS, n * 100)));
    await run(w, messages);
    assert.equal(w.decided.length, 40 * MAX_BATCH_REQUESTS);
    assert.deepEqual(
      w.asked.map((items) => items.length),
      [256, 256, 128],
    );
  });

  test('one that the leader fails on brings the message again, and at the third delivery goes aside without the others', async () => {
    for (const deliveries of [1, 3]) {
      const w = world({ fails: poisoned });
      const fates = await run(w, [several([11, 12, 13, 14], { deliveries }, POISON)]);
      assert.deepEqual(fates, [deliveries === 3 ? 'done' : 'again']);
      assert.deepEqual(w.decided.map((d) => d.requestId).toSorted(), ['r11', 'r12', 'r14']);
      assert.deepEqual(
        w.faults.map((f) => f.requestId),
        deliveries === 3 ? ['r13'] : [],
      );
      assert.equal(w.dead.length, deliveries === 3 ? 1 : 0);
    }
  });

  test('that wait for a leader come again as one; those past their deadline are dropped', async () => {
    const w = world({ fails: () => new FaultError(fault('NO_LEADER')) });
    assert.deepEqual(await run(w, [several([1, 2])]), ['again']);
    const late = world();
    assert.deepEqual(await run(late, [several([1, 2], { storedAt: NOW - 8_001 })]), ['done']);
    assert.deepEqual([late.asked, late.told], [[], []]);
  });

  test('more than a message may carry, or none, goes aside whole', async () => {
    const w = world();
    assert.deepEqual(await run(w, [several(count(MAX_BATCH_REQUESTS + 1)), several([])]), ['done', 'done']);
    assert.deepEqual(
      w.dead.map((d) => d.code),
      ['INVALID_BODY', 'INVALID_BODY'],
    );
    assert.deepEqual(w.asked, []);
  });
});

describe('before the leader is asked', () => {
  test('N3 is refused at the newest place of the ledger, or waits until one is known', async () => {
    const zero = message(ask(1, { device: { hardwareId: '0'.repeat(40), name: 'x' } }));
    const w = world();
    assert.deepEqual(await run(w, [zero]), ['done']);
    const [d] = w.decided;
    assert.deepEqual([d?.row, d?.position.sequence, d?.outcome.kind], ['N3', 7, 'refused']);
    assert.deepEqual(w.asked, []);
    const unknown = world({ position: false });
    const again = message(ask(1, { device: { hardwareId: '0'.repeat(40), name: 'x' } }));
    assert.deepEqual(await run(unknown, [again]), ['again']);
  });

  test('N1: a presented license is a proof only when it is genuine and of this device', async () => {
    const genuine = { ok: true, claims: claims({ generation: 'g1' }) } as const;
    const of = async (check: LicenseCheck | undefined, n: number, presented?: string) => {
      const w = world(check ? { check } : {});
      await run(w, [message(ask(n, presented === undefined ? {} : { presented }))]);
      const item = w.asked[0]?.[0];
      return item?.kind === 'license' ? item.presented : undefined;
    };
    assert.deepEqual(await of(undefined, 1), { kind: 'none' });
    assert.deepEqual(await of(undefined, 1, 'a.b.c'), {
      kind: 'not-genuine',
      why: 'its signature does not verify',
    });
    assert.deepEqual(await of(genuine, 1, 'a.b.c'), {
      kind: 'genuine',
      licenseId: 'l1',
      deviceId: 'd1',
      position: { generation: 'g1', sequence: 4 },
    });
    assert.equal((await of(genuine, 2, 'a.b.c'))?.kind, 'not-genuine');
  });

  test('N1: a license of a key that may be new is not judged before it is known, but for good in the end', async () => {
    const w = world({ check: { ok: false, why: 'the key that signed it is not known', unknown: true } });
    const shown = (deliveries: number): Message => message(ask(1, { presented: 'a.b.c' }), { deliveries });
    assert.deepEqual(await run(w, [shown(1), message(ask(2)), shown(9)]), ['again', 'done', 'again']);
    assert.equal(w.asked.flat().length, 1, 'who shows nothing does not wait');
    assert.deepEqual(await run(w, [shown(10)]), ['done']);
    const item = w.asked[1]?.[0];
    assert.equal(item?.kind === 'license' ? item.presented.kind : '', 'not-genuine');
  });

  test('N4: a proof of another life of the ledger carries what the license says; one of this life does not', async () => {
    const proofOf = async (c: LicenseClaims, position = true) => {
      const w = world({ check: { ok: true, claims: c }, position });
      await run(w, [message(ask(1, { presented: 'a.b.c' }))]);
      const item = w.asked[0]?.[0];
      return item?.kind === 'license' && item.presented.kind === 'genuine' ? item.presented : undefined;
    };
    const other = claims({ generation: 'g0', holder: hw(9) });
    const proof = await proofOf(other);
    assert.ok(proof?.license);
    assert.deepEqual(claimsOf(proof.license), other);
    assert.equal((await proofOf(claims({ generation: 'g1' })))?.license, undefined);
    assert.equal((await proofOf(other, false))?.license, undefined, 'no life of the ledger is known yet');
  });
});

describe('what a terminal server says of its own accord', () => {
  const relearn = (): Message =>
    message(
      encode(
        licenseRelearn,
        { id: 'm1', sentAt: NOW },
        { requestId: 'r1', waitsMs: 8_000, license: 'a.b.c' },
      ),
      { subject: 'cal.v1.license.relearn.ts1' },
    );

  test('license.relearn: a genuine license goes to the leader as facts, and is noted', async () => {
    const w = world({ check: { ok: true, claims: claims({ kind: 'full' }) } });
    assert.deepEqual(await run(w, [relearn()]), ['done']);
    const item = w.asked[0]?.[0];
    assert.ok(item?.kind === 'relearn' && item.terminalServerId === 'ts1');
    assert.deepEqual(claimsOf(item.license), claims({ kind: 'full' }));
    assert.deepEqual(w.decided[0]?.outcome, { kind: 'noted' });
  });

  test('license.relearn: one of a key that may be new comes again', async () => {
    const w = world({ check: { ok: false, why: 'it is of another license server', unknown: true } });
    assert.deepEqual(await run(w, [relearn()]), ['again']);
    assert.deepEqual([w.asked, w.decided], [[], []]);
  });

  test('license.relearn: one that is not genuine is refused without asking', async () => {
    const w = world();
    assert.deepEqual(await run(w, [relearn()]), ['done']);
    const [d] = w.decided;
    assert.ok(d?.outcome.kind === 'refused');
    assert.deepEqual([d.row, d.outcome.code], ['N4', 'NOT_RELEARNED']);
    assert.deepEqual(w.asked, []);
  });

  test('license.stands: version, mode and grace go to the leader, from the terminal server of the subject', async () => {
    const grace = { startedAt: NOW, endsAt: NOW + 1, over: 'no' } as const;
    for (const stands of [
      { version: '2003', mode: 'per-user', grace },
      { version: '2000', mode: null, grace: null },
    ] as const) {
      const w = world();
      const bytes = encode(
        licenseStands,
        { id: 'm1', sentAt: NOW },
        { requestId: 'r1', waitsMs: 8_000, ...stands },
      );
      assert.deepEqual(await run(w, [message(bytes, { subject: 'cal.v1.license.stands.ts7' })]), ['done']);
      assert.deepEqual(w.asked, [[{ kind: 'stands', requestId: 'r1', terminalServerId: 'ts7', ...stands }]]);
      assert.deepEqual(w.decided[0]?.outcome, { kind: 'noted' });
    }
  });

  test('both are dropped past their deadline, and put aside where they do not decode', async () => {
    const w = world();
    const { bytes, subject } = relearn().queued;
    const old = message(bytes, { subject, storedAt: NOW - 8_001 });
    const wrong = message(bytes, { subject: 'cal.v1.license.stands.ts1' });
    assert.deepEqual(await run(w, [old, wrong]), ['done', 'done']);
    assert.deepEqual(
      w.dead.map((d) => d.code),
      ['UNKNOWN_TYPE'],
    );
    assert.deepEqual([w.asked, w.decided], [[], []]);
  });
});

describe('what is counted', () => {
  test('each request once for each time it is taken, each decision by its row, and what comes late or again', async () => {
    const w = world();
    await run(w, [message(ask(1)), message(ask(2)), message(ask(3), { storedAt: NOW - 1_000_000 })]);
    const away = world({ fails: () => new FaultError(fault('NO_LEADER')) });
    await run(away, [message(ask(4))]);
    const [text, other] = [await w.metrics.text(), await away.metrics.text()];
    const counted = {
      'calbus_license_requests_total{kind="request"}': 3,
      'calbus_decisions_total{row="D4"}': 2,
      'calbus_decisions_total{row="D6"}': 0,
      'calbus_licenses_granted_total{kind="temporary"}': 2,
      calbus_requests_late_total: 1,
      calbus_requests_again_total: 0,
      calbus_request_batch_size_count: 1,
      calbus_request_seconds_count: 2,
    };
    for (const [series, n] of Object.entries(counted)) assert.ok(text.includes(`\n${series} ${n}\n`), series);
    assert.ok(other.includes('\ncalbus_requests_again_total 1\n'));
  });
});
