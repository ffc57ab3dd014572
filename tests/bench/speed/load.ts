// Load, and what it took: so many acts always under way (closed), or so many a second whether or not the earlier ones were answered
// (open). In an open load each act is timed from when it was due, so that a stall counts for everybody who came during it.

import { setTimeout as sleep } from 'node:timers/promises';

export type Act = (n: number) => Promise<void>;

export type Timed = {
  readonly acts: number;
  readonly failed: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly most: number;
};

const quantile = (sorted: Float64Array, q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;

export const timedOf = (latencies: readonly number[], failed: number, seconds: number): Timed => {
  const sorted = Float64Array.from(latencies).sort();
  return {
    acts: sorted.length,
    failed,
    seconds,
    perSecond: sorted.length / seconds,
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    p999: quantile(sorted, 0.999),
    most: sorted.at(-1) ?? Number.NaN,
  };
};

export type Closed = {
  readonly inFlight: number;
  readonly seconds: number;
  /** Before anything is counted. */
  readonly warmUpSeconds: number;
  readonly act: Act;
  /** Called when counting begins. */
  readonly begun?: () => void;
  /** The last act is not begun after this many. */
  readonly most?: number;
};

export const closedLoad = async (o: Closed): Promise<Timed> => {
  const { act, most = Infinity } = o;
  const latencies: number[] = [];
  let failed = 0;
  let next = 0;
  const from = performance.now() + o.warmUpSeconds * 1_000;
  const until = from + o.seconds * 1_000;
  if (o.begun) setTimeout(o.begun, o.warmUpSeconds * 1_000);
  const worker = async (): Promise<void> => {
    for (let at = performance.now(); at < until && next < most; at = performance.now()) {
      let ok = true;
      try {
        await act(next++);
      } catch {
        ok = false;
      }
      const ended = performance.now();
      if (ended < from || ended > until) continue;
      if (ok) latencies.push(ended - at);
      else failed += 1;
    }
  };
  await Promise.all(Array.from({ length: o.inFlight }, worker));
  return timedOf(latencies, failed, Math.min(o.seconds, (performance.now() - from) / 1_000));
};

export type Open = {
  readonly perSecond: number;
  readonly seconds: number;
  readonly act: Act;
  /** Called about once a second with how many are under way. */
  readonly watch?: (underWay: number) => void;
};

/** Resolves when the last is answered. `seconds` is the time to the last answer. */
export const openLoad = async ({ perSecond, seconds, act, watch }: Open): Promise<Timed> => {
  const latencies: number[] = [];
  const all = Math.round(perSecond * seconds);
  const began = performance.now();
  let failed = 0;
  let underWay = 0;
  let begun = 0;
  let watched = began;
  const one = async (n: number, due: number): Promise<void> => {
    underWay += 1;
    try {
      await act(n);
      latencies.push(performance.now() - due);
    } catch {
      failed += 1;
    }
    underWay -= 1;
    if (begun === all && underWay === 0) drain();
  };
  // The promises are not kept: the collector would copy every one of them, and stop the load for it.
  const { promise: drained, resolve: drain } = Promise.withResolvers<void>();
  while (begun < all) {
    const now = performance.now();
    for (; begun < all && began + (begun / perSecond) * 1_000 <= now; begun += 1)
      void one(begun, began + (begun / perSecond) * 1_000);
    if (watch && now - watched >= 1_000) {
      watched = now;
      watch(underWay);
    }
    await sleep(1);
  }
  if (underWay > 0) await drained;
  return timedOf(latencies, failed, (performance.now() - began) / 1_000);
};
