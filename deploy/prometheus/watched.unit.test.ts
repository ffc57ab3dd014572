// Alerts, dashboard, the page that explains them, and what the services serve: each names only what the others have.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
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
  showLiaison,
  type Shown as LiaisonShown,
} from '../../services/clearinghouse-liaison/src/adapters/metrics.ts';
import {
  countCommits,
  countEvents,
  showInventory,
  type Shown as InventoryShown,
} from '../../services/inventory/src/adapters/metrics.ts';
import { countIssuer } from '../../services/issuer/src/adapters/metrics.ts';
import {
  countGateway,
  showGateway,
  type Shown as GatewayShown,
} from '../../services/session-gateway/src/adapters/metrics.ts';
import { alerts, dashboardQueries, expressions, namesIn, readDashboard } from './watched.ts';

const page = readFileSync(path.join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
/** Nothing is looked at here: only the names count. */
const unseen: unknown = {};

const served = (): ReadonlySet<string> => {
  const [license, vendor] = [createMetrics(), createMetrics()];
  exposeReadiness(createReadiness('issuer', '1'), license);
  countDeadLetters(license);
  countIssuer(license, createEndpoints());
  countCommits(license);
  countEvents(license);
  showInventory(license, unseen as InventoryShown);
  countAnswers(license, () => {
    throw new Error('nothing is answered here');
  });
  showLiaison(license, unseen as LiaisonShown);
  countGateway(license);
  showGateway(license, unseen as GatewayShown);
  countCommands(vendor, systemClock, () => Promise.reject(new Error('nothing is answered here')));
  return new Set([...license.names(), ...vendor.names()]);
};

describe('what watches calbus', () => {
  test('every alert has an expression, a severity, and its own section in docs/operations.md, and every section its alert', () => {
    const from = page.indexOf('### Alerts');
    const sections = [...page.slice(from).matchAll(/^#### (Calbus\w+)$/gm)].map(([, name]) => name);
    assert.deepEqual([...alerts().keys()], sections);
    assert.ok(sections.length > 20);
    for (const [name, { expression, severity, runbook }] of alerts()) {
      assert.notEqual(expression, '', name);
      assert.match(severity, /^(critical|warning)$/, name);
      assert.equal(runbook, `docs/operations.md#${name.toLowerCase()}`);
    }
  });

  test('every metric in an alert or in the dashboard is one that a service serves', () => {
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

  test('every metric of calbus is in the dashboard or in an alert, and in the page', () => {
    const used = new Set([...dashboardQueries(), ...expressions().values()].flatMap(namesIn));
    const unused = [...served()].filter((n) => n.startsWith('calbus_') && !used.has(n));
    assert.deepEqual(unused, ['calbus_service_info', 'calbus_ledger_records', 'calbus_command_seconds']);
    const shortened = /^calbus_(cals|licenses)/;
    assert.deepEqual(
      [...used].filter((n) => !page.includes(`\`${n}\``) && !shortened.test(n)),
      [],
    );
  });

  test('every panel asks for something, but the headings of rows', () => {
    for (const { title, type, targets } of readDashboard().panels)
      assert.equal((targets ?? []).length > 0, type !== 'row', title);
  });
});
