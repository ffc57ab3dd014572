// Alerts, dashboard, runbooks, the page of metrics, and the metrics that the services serve: each names only what the others have.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { systemClock } from '@calbus/runtime/clock';
import { countDeadLetters } from '@calbus/runtime/dead-letters';
import { createEndpoints } from '@calbus/runtime/endpoints';
import { createMetrics } from '@calbus/runtime/metrics';
import { exposeReadiness, createReadiness } from '@calbus/runtime/readiness';
import { countCommands } from '../../services/clearinghouse/src/adapters/metrics.ts';
import {
  countAnswers,
  liaisonMetrics,
  type MetricSources as LiaisonShown,
} from '../../services/clearinghouse-liaison/src/adapters/metrics.ts';
import {
  countCommits,
  countEvents,
  registerMetrics,
  type MetricsSource as InventoryShown,
} from '../../services/inventory/src/projections/metrics.ts';
import { issuerMetrics } from '../../services/issuer/src/adapters/metrics.ts';
import {
  createGatewayMetrics,
  registerGauges,
  type GatewayGauges as GatewayShown,
} from '../../services/session-gateway/src/adapters/metrics.ts';
import { alerts, dashboardQueries, expressions, namesIn, readDashboard } from './monitoring.ts';

const operations = path.join(import.meta.dirname, '../../docs/operations');
const metricsPage = readFileSync(path.join(operations, 'reference/metrics.md'), 'utf8');
/** The functions below register names. None of them reads this value. */
const unused: unknown = {};

const served = (): ReadonlySet<string> => {
  const [license, vendor] = [createMetrics(), createMetrics()];
  exposeReadiness(createReadiness('issuer', '1'), license);
  countDeadLetters(license);
  issuerMetrics(license, createEndpoints());
  countCommits(license);
  countEvents(license);
  registerMetrics(license, unused as InventoryShown);
  countAnswers(license, () => {
    throw new Error('nothing is answered here');
  });
  liaisonMetrics(license, unused as LiaisonShown);
  createGatewayMetrics(license);
  registerGauges(license, unused as GatewayShown);
  countCommands(vendor, systemClock, () => Promise.reject(new Error('nothing is answered here')));
  return new Set([...license.names(), ...vendor.names()]);
};

describe('the alerts', () => {
  test('each has an expression, a severity and a runbook, and each runbook has an alert', () => {
    const runbooks = globSync('Calbus*.md', { cwd: path.join(operations, 'runbooks') });
    const names = [...alerts().keys()];
    assert.ok(names.length > 20);
    assert.deepEqual(runbooks.map((file) => path.basename(file, '.md')).toSorted(), names.toSorted());
    for (const [name, { expression, runbook }] of alerts()) {
      assert.notEqual(expression, '', name);
      assert.equal(runbook, `docs/operations/runbooks/${name}.md`);
    }
  });

  test('each runbook says the severity of its alert, the meaning and the action', () => {
    for (const [name, { severity }] of alerts()) {
      const text = readFileSync(path.join(operations, 'runbooks', `${name}.md`), 'utf8');
      assert.match(severity, /^(critical|warning)$/, name);
      assert.ok(text.startsWith(`# ${name}\n\nSeverity: ${severity}.`), name);
      assert.deepEqual(text.match(/^## .*$/gm), ['## Meaning', '## Action'], name);
    }
  });

  test('the index of the runbooks has each alert, in order, with its severity and summary', () => {
    const index = readFileSync(path.join(operations, 'runbooks/README.md'), 'utf8');
    const rows = index.split('\n').filter((line) => line.startsWith('| ['));
    assert.deepEqual(
      rows.map((row) =>
        row
          .slice(1, -1)
          .split('|')
          .map((cell) => cell.trim()),
      ),
      [...alerts()].map(([name, { severity, summary }]) => [`[${name}](${name}.md)`, severity, summary]),
    );
  });
});

describe('the metrics', () => {
  test('every metric in an alert or in the dashboard is served by a service', () => {
    const names = served();
    for (const [name, query] of expressions())
      assert.deepEqual(
        namesIn(query).filter((n) => !names.has(n)),
        [],
        name,
      );
    assert.deepEqual(
      dashboardQueries()
        .flatMap(namesIn)
        .filter((n) => !names.has(n)),
      [],
    );
  });

  test('every metric of calbus is in the dashboard or in an alert, and in the page of metrics', () => {
    const used = new Set([...dashboardQueries(), ...expressions().values()].flatMap(namesIn));
    const unused = [...served()].filter((n) => n.startsWith('calbus_') && !used.has(n));
    assert.deepEqual(unused, ['calbus_service_info', 'calbus_ledger_records', 'calbus_command_seconds']);
    const shortened = /^calbus_(cals|licenses)/;
    assert.deepEqual(
      [...used].filter((n) => !metricsPage.includes(`\`${n}\``) && !shortened.test(n)),
      [],
    );
  });

  test('every panel of the dashboard has a query, except the headings of rows', () => {
    for (const { title, type, targets } of readDashboard().panels)
      assert.equal((targets ?? []).length > 0, type !== 'row', title);
  });
});
