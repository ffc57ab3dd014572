// Reads the alerts and the dashboard. Tests compare them with the metrics that the services serve and with docs/operations.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

const alertsFile = path.join(import.meta.dirname, 'alerts.yml');
const dashboardFile = path.join(import.meta.dirname, '..', 'grafana', 'calbus.json');

export type Alert = {
  readonly expression: string;
  readonly runbook: string;
  readonly severity: string;
  readonly summary: string;
};

/** The value of one line of a rule, such as `expr: …`, without its quotes. */
const lineOf = (block: string, key: string): string =>
  new RegExp(`^\\s+${key}: ['"]?(.*?)['"]?$`, 'm').exec(block)?.[1] ?? '';

/** The alerts by name. The file has each value on one line. */
export const alerts = (): ReadonlyMap<string, Alert> => {
  const [, ...blocks] = readFileSync(alertsFile, 'utf8').split(/^\s+- alert: /m);
  return new Map(
    blocks.map((block) => {
      const [name = ''] = block.split('\n', 1);
      return [
        name,
        {
          expression: lineOf(block, 'expr'),
          runbook: lineOf(block, 'runbook_url'),
          severity: /severity: (\w+)/.exec(block)?.[1] ?? '',
          summary: lineOf(block, 'summary'),
        },
      ];
    }),
  );
};

export const expressions = (): ReadonlyMap<string, string> =>
  new Map([...alerts()].map(([name, { expression }]) => [name, expression]));

const dashboard = z.object({
  title: z.string(),
  uid: z.string(),
  panels: z.array(
    z.object({
      title: z.string(),
      description: z.string().optional(),
      type: z.string(),
      targets: z.array(z.object({ expr: z.string().min(1) })).optional(),
    }),
  ),
});

export const readDashboard = (): z.infer<typeof dashboard> =>
  dashboard.parse(JSON.parse(readFileSync(dashboardFile, 'utf8')));

export const dashboardQueries = (): readonly string[] =>
  readDashboard().panels.flatMap((panel) => (panel.targets ?? []).map((t) => t.expr));

/** The metrics of calbus in a query, by the names under which the services register them. */
export const namesIn = (query: string): string[] =>
  [...query.matchAll(/\bcalbus_[a-z_]+/g)].map(([name]) => name.replace(/_(bucket|sum|count)$/, ''));
