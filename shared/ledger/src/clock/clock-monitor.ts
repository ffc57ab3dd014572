// Whether this replica's wall clock may date the ledger and end what time ends. It is compared with the time elapsed by the monotonic
// clock, with ledger time, with the clock of NATS and with those of other replicas. If it departs from one of them by more than a
// minute, it is suspect until the two agree again or an operator confirms it.

import type { Clock } from '@calbus/runtime/clock';
import type { Log } from '@calbus/runtime/log';

export const MAX_DEPARTURE_MS = 60_000;

export type ClockSource = 'own-elapsed' | 'ledger' | 'nats' | 'replica';
/** By how many milliseconds the wall clock is ahead of a source; negative if it is behind. */
export type Departure = { readonly source: ClockSource; readonly departsBy: number };

export type ClockMonitor = {
  /** Another clock shows `theirs` (epoch milliseconds) at this moment. */
  readonly observe: (source: 'nats' | 'replica', theirs: number) => void;
  /** The sources from which the wall clock departs too far. */
  readonly check: (ledgerTime: number) => readonly Departure[];
  /**
   * The date of the next batch: the wall clock, but never before `last`. While the wall clock is suspect, the earliest of the clocks it
   * is compared with: ledger time never goes back, so a clock that leapt ahead must not take it along.
   */
  readonly ledgerTime: (last: number) => number;
  /** An operator says that the wall clock is right as it is. */
  readonly confirm: (ledgerTime: number) => void;
};

type Observation = { readonly theirs: number; readonly at: number };

export const createClockMonitor = (clock: Clock, log: Log): ClockMonitor => {
  const observations = new Map<ClockSource, Observation>();
  /** Departures that an operator has confirmed. */
  const confirmed = new Map<ClockSource, number>();
  let logged = '';
  const anchor = (): void => {
    observations.set('own-elapsed', { theirs: clock.now(), at: clock.monotonic() });
  };
  anchor();

  const departures = (ledgerTime: number): Departure[] => {
    const wall = clock.now();
    const found: Departure[] = [];
    for (const [source, { theirs, at }] of observations)
      found.push({ source, departsBy: Math.round(wall - (theirs + clock.monotonic() - at)) });
    // Without commits ledger time is behind every clock. Only ledger time ahead of the clock proves something.
    if (ledgerTime > wall) found.push({ source: 'ledger', departsBy: wall - ledgerTime });
    return found;
  };
  const isSuspect = ({ source, departsBy }: Departure): boolean =>
    Math.abs(departsBy - (confirmed.get(source) ?? 0)) > MAX_DEPARTURE_MS;
  const logChange = (suspects: readonly Departure[]): void => {
    const now = suspects.map((d) => d.source).join(' ');
    if (now === logged) return;
    logged = now;
    if (suspects.length > 0)
      log.warn(
        { event: 'CLOCK_SUSPECT', departures: suspects },
        'the clock departs from others: nothing ends by it until they agree, or an operator confirms it',
      );
    else log.info({}, 'the clock agrees with the others again');
  };

  const check = (ledgerTime: number): readonly Departure[] => {
    const all = departures(ledgerTime);
    const suspects = all.filter(isSuspect);
    // A confirmation ends when the clocks agree without it.
    for (const { source, departsBy } of all)
      if (Math.abs(departsBy) <= MAX_DEPARTURE_MS) confirmed.delete(source);
    // A new anchor each time, so that many small corrections never add up to a large one.
    if (!suspects.some((d) => d.source === 'own-elapsed') && !confirmed.has('own-elapsed')) anchor();
    logChange(suspects);
    return suspects;
  };
  return {
    observe: (source, theirs) => {
      observations.set(source, { theirs, at: clock.monotonic() });
    },
    check,
    ledgerTime: (last) => {
      const wall = clock.now();
      const ahead = check(last)
        .map((d) => d.departsBy)
        .filter((by) => by > 0);
      return Math.max(last, wall - Math.max(0, ...ahead));
    },
    confirm: (ledgerTime) => {
      for (const { source, departsBy } of departures(ledgerTime)) confirmed.set(source, departsBy);
      confirmed.delete('own-elapsed');
      anchor();
    },
  };
};
