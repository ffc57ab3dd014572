// What /readyz and /metrics of every service say while licenses are issued, and while the servers that they need are away; and that
// NATS' own tools find the services.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { RequestStrategy } from 'nats';
import type { ReadinessReport } from '@calbus/runtime/readiness';
import { serviceNames, type ServiceName } from '@calbus/local/services';
import { eventually } from '@calbus/test-support/eventually';
import { expressions, namesIn, dashboardQueries } from '../../deploy/prometheus/monitoring.ts';
import { startDeployment, type TestDeployment } from '@calbus/test-support/deployment';

const within = { withinMs: 90_000, everyMs: 100 };

let s: TestDeployment;
before(async () => {
  s = await startDeployment({ env: { CALBUS_HTTP_PORT: '0' }, ownRabbitmq: true });
});
after(() => s?.[Symbol.asyncDispose]());

/** Where the service that was started last serves its pages, as its log says. */
const pagesOf = (name: ServiceName): string => {
  const { logFile = '' } = s.services.get(name) ?? {};
  const port = [...readFileSync(logFile, 'utf8').matchAll(/"port":([0-9]+),"pages"/g)].at(-1)?.[1];
  assert.ok(port, `${name} has not said where it serves its pages`);
  return `http://127.0.0.1:${port}`;
};

const ready = async (name: ServiceName): Promise<{ status: number; report: ReadinessReport }> => {
  const answer = await fetch(`${pagesOf(name)}/readyz`);
  return { status: answer.status, report: (await answer.json()) as ReadinessReport };
};

const metrics = async (name: ServiceName): Promise<string> =>
  (await fetch(`${pagesOf(name)}/metrics`)).text();

/** The value of one series; undefined where it is not there. */
const valueIn = (text: string, series: string): number | undefined => {
  const line = text.split('\n').find((l) => l.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
};
const value = async (name: ServiceName, series: string): Promise<number | undefined> =>
  valueIn(await metrics(name), series);

const becomesReady = (name: ServiceName): Promise<unknown> =>
  eventually(`${name} is ready`, () => ready(name), { ...within, accept: ({ status }) => status === 200 });

/** Waits until the service is not ready, for want of exactly this. */
const waitsFor = async (name: ServiceName, ...conditions: string[]): Promise<void> => {
  const { status, report } = await eventually(`${name} is not ready`, () => ready(name), {
    ...within,
    accept: (r) => conditions.every((c) => r.report.conditions[c]?.holds === false),
  });
  assert.equal(status, 503);
  assert.equal(report.ready, false);
  for (const c of conditions) assert.match(report.conditions[c]?.says ?? '', /^[A-Z].*[.]$/, c);
};

/** Waits until a condition does not hold that takes nothing from the service's being ready. */
const shows = async (name: ServiceName, condition: string): Promise<void> => {
  const { status, report } = await eventually(`${name} shows ${condition}`, () => ready(name), {
    ...within,
    accept: (r) => r.report.conditions[condition]?.holds === false,
  });
  assert.deepEqual([status, report.ready], [200, true]);
};

/** What is looked at now and then, and kept for a moment, is read until it is so. Gives the whole text. */
const comesToRead = async (
  name: ServiceName,
  expected: Readonly<Record<string, number>>,
): Promise<string> => {
  let text = '';
  const read = async (): Promise<Record<string, number | undefined>> => {
    text = await metrics(name);
    return Object.fromEntries(Object.keys(expected).map((series) => [series, valueIn(text, series)]));
  };
  await eventually(`${name} reads so`, read, {
    ...within,
    accept: (found) => isDeepStrictEqual(found, expected),
  });
  return text;
};

describe('health of the services', () => {
  test('before any activation every service is ready, and says what it is', async () => {
    for (const name of serviceNames) await becomesReady(name);
    const { report } = await ready('inventory');
    assert.equal(report.facts['role'], 'leader');
    assert.ok(Number(report.facts['term']) >= 1);
    for (const name of serviceNames) {
      const alive = await fetch(`${pagesOf(name)}/healthz`);
      assert.deepEqual([alive.status, ((await alive.json()) as { service: string }).service], [200, name]);
    }
  });

  test('the first licenses are in the counts of every part', async () => {
    assert.equal(await value('issuer', 'calbus_decisions_total{row="D4"}'), 0);
    assert.equal(await value('inventory', 'calbus_activated'), 0);
    const sequence = (await value('inventory', 'calbus_ledger_sequence')) ?? 0;
    assert.ok(sequence > 0);
    await s.firstLicense();
    const issuer = await eventually('the issuer has counted', () => metrics('issuer'), {
      ...within,
      accept: (text) => (valueIn(text, 'calbus_decisions_total{row="U1"}') ?? 0) > 0,
    });
    for (const series of [
      'calbus_decisions_total{row="D4"}',
      'calbus_decisions_total{row="D6"}',
      'calbus_licenses_granted_total{kind="temporary"}',
      'calbus_licenses_granted_total{kind="full"}',
      'calbus_license_requests_total{kind="validated"}',
      'calbus_request_seconds_count',
      'calbus_request_batch_size_count',
    ])
      assert.ok((valueIn(issuer, series) ?? 0) > 0, series);
    const pool = '{version="2003",mode="per-device"}';
    const inventory = await comesToRead('inventory', {
      [`calbus_cals_installed${pool}`]: 2,
      [`calbus_cals_issued${pool}`]: 2,
      [`calbus_cals_available${pool}`]: 0,
      [`calbus_licenses_temporary${pool}`]: 1,
      calbus_activated: 1,
      calbus_leading: 1,
      calbus_cache_current: 1,
      calbus_request_queue_depth: 0,
    });
    assert.ok((valueIn(inventory, 'calbus_ledger_sequence') ?? 0) > sequence);
    assert.ok((valueIn(inventory, 'calbus_commit_seconds_count') ?? 0) > 0);
    assert.ok((valueIn(inventory, 'calbus_licenses_expiring{kind="temporary",days="30"}') ?? -1) >= 0);
    await comesToRead('clearinghouse', { 'calbus_commands_answered_total{command="activate"}': 1 });
    await comesToRead('clearinghouse-liaison', {
      'calbus_outbox_commands{road="automatic"}': 0,
      calbus_link_up: 1,
    });
  });

  test('whatever the alerts and the dashboard ask for is there', async () => {
    const served = (await Promise.all(serviceNames.map(metrics))).join('\n');
    // The session gateway runs in front of terminal servers only.
    const isGateway = (name: string): boolean => name.startsWith('calbus_rdp_');
    const asked = [...expressions().values(), ...dashboardQueries()]
      .flatMap(namesIn)
      .filter((n) => !isGateway(n));
    assert.ok(asked.length > 30);
    assert.deepEqual(
      [...new Set(asked)].filter((name) => !served.includes(`# TYPE ${name} `)),
      [],
    );
  });

  test("NATS' own tools find the services, as operator and as observer", async () => {
    for (const who of ['operator', 'observer'] as const) {
      const nc = await s.connectAs(who);
      const client = nc.services.client({ strategy: RequestStrategy.Timer, maxWait: 2_000 });
      const found: string[] = [];
      for await (const one of await client.ping()) found.push(one.name);
      assert.deepEqual(found.toSorted(), ['clearinghouse-liaison', 'inventory', 'issuer']);
      for await (const info of await client.info('inventory'))
        assert.ok(info.endpoints.some((e) => e.subject === 'cal.v1.inventory.query.operator.status'));
      let requests = 0;
      for await (const stats of await client.stats('issuer'))
        for (const e of stats.endpoints ?? []) requests += e.num_requests;
      assert.ok(requests > 0);
      await nc.close();
    }
  });

  test('a standby is ready, and says that it is one', async () => {
    await using standby = await s.startAnother('inventory', { CALBUS_HTTP_PORT: '0' });
    const port = await eventually(
      'it says where',
      () => /"port":([0-9]+),"pages"/.exec(standby.stdout())?.[1],
    );
    const report = await eventually(
      'it is ready',
      async () => (await (await fetch(`http://127.0.0.1:${port}/readyz`)).json()) as ReadinessReport,
      { ...within, accept: (r) => r.ready },
    );
    assert.equal(report.facts['role'], 'standby');
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    assert.equal(valueIn(text, 'calbus_leading'), 0);
    assert.equal(valueIn(text, 'calbus_cals_installed{version="2003",mode="per-device"}'), 2);
  });

  test('without Redis inventory shows it, and is ready', async () => {
    await s.servers.redis.stop();
    await shows('inventory', 'redis');
    await eventually('the metrics say so', () => value('inventory', 'calbus_cache_current'), {
      ...within,
      accept: (v) => v === 0,
    });
    await s.servers.redis.restart();
    await eventually('the counts are back', () => value('inventory', 'calbus_cache_current'), {
      ...within,
      accept: (v) => v === 1,
    });
  });

  test('without RabbitMQ the liaison shows it and is ready, and the Clearinghouse is not', async () => {
    await s.servers.rabbitmq.stop();
    await shows('clearinghouse-liaison', 'rabbitmq');
    await waitsFor('clearinghouse', 'rabbitmq');
    assert.equal((await fetch(`${pagesOf('clearinghouse')}/healthz`)).status, 200);
    await becomesReady('issuer');
    await s.servers.rabbitmq.restart();
    await becomesReady('clearinghouse');
  });

  test('without NATS nobody on the site is ready, everybody lives, and all are ready again by themselves', async () => {
    const site = ['issuer', 'inventory', 'clearinghouse-liaison'] as const;
    await s.servers.nats.stop();
    await waitsFor('issuer', 'nats', 'leader');
    await waitsFor('inventory', 'nats', 'ledger-connection');
    await waitsFor('clearinghouse-liaison', 'nats', 'inventory');
    for (const name of site) assert.equal((await fetch(`${pagesOf(name)}/healthz`)).status, 200);
    await s.servers.nats.restart();
    for (const name of site) await becomesReady(name);
  });

  test('without inventory no request can be answered: issuer and liaison say what they wait for', async () => {
    await s.services.get('inventory')?.stop();
    await waitsFor('issuer', 'leader');
    await waitsFor('clearinghouse-liaison', 'inventory');
  });
});

describe('health of a license server whose ledger waits for a backup', () => {
  test('inventory and the liaison can be reached by whoever brings it, and issuers have nothing to issue', async () => {
    await s[Symbol.asyncDispose]();
    s = await startDeployment({ env: { CALBUS_HTTP_PORT: '0' }, awaitRestore: true });
    await becomesReady('inventory');
    await becomesReady('clearinghouse-liaison');
    await shows('inventory', 'leader');
    assert.equal((await ready('inventory')).report.facts['role'], 'loss');
    await waitsFor('issuer', 'leader');
    await eventually('the metrics say so', () => value('inventory', 'calbus_ledger_lost'), {
      ...within,
      accept: (v) => v === 1,
    });
  });
});
