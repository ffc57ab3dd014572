// The three pages of every service: /healthz says that it lives, /readyz whether it can do its job now, /metrics what it counts.

import type { Clock } from './clock.ts';
import { serveHttp, type Page, type Pages } from './http-server.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import { exposeReadiness, type Readiness } from './readiness.ts';

/** So long one text of metrics serves all that ask: making it costs more than sending it. */
const METRICS_TTL_MS = 250;

const json = (status: number, value: object): Page => ({
  status,
  type: 'application/json; charset=utf-8',
  text: `${JSON.stringify(value)}\n`,
});

export type OperationsOptions = {
  readonly host: string;
  readonly port: number;
  readonly readiness: Readiness;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
};

const pagesOf = ({ readiness, metrics, clock }: OperationsOptions): Pages => {
  const begun = clock.monotonic();
  let made: { readonly at: number; readonly text: Promise<string> } | undefined;
  const metricsText = (): Promise<string> => {
    const at = clock.monotonic();
    if (!made || at - made.at > METRICS_TTL_MS) made = { at, text: metrics.text() };
    return made.text;
  };
  return new Map<string, () => Page | Promise<Page>>([
    [
      '/healthz',
      () => {
        const { service, version, state } = readiness.look();
        return json(200, {
          service,
          version,
          state,
          seconds: Math.floor((clock.monotonic() - begun) / 1_000),
        });
      },
    ],
    [
      '/readyz',
      () => {
        const report = readiness.look();
        return json(report.ready ? 200 : 503, report);
      },
    ],
    ['/metrics', async () => ({ status: 200, type: metrics.contentType, text: await metricsText() })],
  ]);
};

/** Serves them until what it returns is called. */
export const serveOperations = (o: OperationsOptions): (() => Promise<void>) => {
  o.metrics.addProcess();
  exposeReadiness(o.readiness, o.metrics);
  return serveHttp({ ...o, pages: pagesOf(o) }).close;
};
