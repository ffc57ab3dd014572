// The metrics of a service, for Prometheus. Labels take their values from closed lists: each series exists with a zero from the start,
// and no client can create more series.

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

export type Labels = Readonly<Record<string, string>>;

export type Metrics = {
  /** Something that happens; what is returned adds to its count. */
  readonly count: (name: string, help: string) => (by?: number) => void;
  /** Something that happens in one of several ways, or for one of several reasons. */
  readonly countBy: <V extends string>(
    name: string,
    help: string,
    label: string,
    values: readonly V[],
  ) => (value: V, by?: number) => void;
  /** How values are spread; what is returned takes in one. */
  readonly spread: (name: string, help: string, bounds: readonly number[]) => (value: number) => void;
  /** A value read at the time of the scrape; undefined, NaN and errors are left out. */
  readonly value: (name: string, help: string, look: () => number | undefined) => void;
  readonly values: (
    name: string,
    help: string,
    labels: readonly string[],
    look: () => Iterable<readonly [Labels, number]>,
  ) => void;
  /** The process itself: memory, processor time, delays of the event loop. */
  readonly addProcess: () => void;
  readonly names: () => readonly string[];
  readonly text: () => Promise<string>;
  readonly contentType: string;
};

/** In seconds, for what takes from a millisecond to some seconds. */
export const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
/** For sizes of batches. */
export const SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024] as const;

export const createMetrics = (): Metrics => {
  const registry = new Registry();
  const registers = [registry];
  const values: Metrics['values'] = (name, help, labels, look) => {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers,
      labelNames: [...labels],
      collect: () => {
        gauge.reset();
        // Without labels there would be a zero where nothing is known.
        if (labels.length === 0) gauge.remove();
        try {
          for (const [of, value] of look()) if (!Number.isNaN(value)) gauge.set({ ...of }, value);
        } catch {
          // not known now: there is no value then, which an alert can tell from a zero
        }
      },
    });
  };
  return {
    count: (name, help) => {
      const counter = new Counter({ name, help, registers });
      return (by = 1) => counter.inc(by);
    },
    countBy: (name, help, label, known) => {
      const counter = new Counter({ name, help, registers, labelNames: [label] });
      // Bound beforehand, so that counting costs no look-up of labels.
      const bound = new Map<string, Counter.Internal>();
      for (const value of known) {
        const one = counter.labels(value);
        one.inc(0);
        bound.set(value, one);
      }
      return (value, by = 1) => bound.get(value)?.inc(by);
    },
    spread: (name, help, bounds) => {
      const histogram = new Histogram({ name, help, registers, buckets: [...bounds] });
      return (value) => histogram.observe(value);
    },
    value: (name, help, look) =>
      values(name, help, [], () => {
        const value = look();
        return value === undefined ? [] : [[{}, value]];
      }),
    values,
    addProcess: () => collectDefaultMetrics({ register: registry }),
    names: () => registry.getMetricsAsArray().map((m) => m.name),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
};
