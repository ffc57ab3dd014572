// Whether this replica's wall clock can be trusted with ending licenses. It is compared with what has elapsed by the
// monotonic clock, with the ledger's time, with NATS' and with another replica's. A departure of more than a minute from any of them
// is suspect until the two agree again or an operator confirms the clock as it is.

import type { ClockSource } from '@calbus/contracts/inventory-status-messages';
import type { Clock } from '@calbus/runtime/clock';
import type { Log } from '@calbus/runtime/log';

/** In milliseconds. */
export const MOST_DEPARTURE = 60_000;

export type Departure = { readonly source: ClockSource; readonly departsBy: number };

export type ClockWatch = {
  /** What another clock shows at this moment, epoch milliseconds. */
  readonly seen: (source: 'nats' | 'replica', theirs: number) => void;
  /** Compares, and says from what the wall clock departs. */
  readonly look: (ledgerTime: number) => readonly Departure[];
  /**
   * What the ledger's next batch is to be dated: the wall clock, but never before `last`. While it is suspect the earliest of the
   * clocks it is compared with, so that a clock that leapt ahead cannot take the ledger along, whose time never goes back.
   */
  readonly ledgerTime: (last: number) => number;
  /** The operator's word: the clock is right as it is. */
  readonly confirm: (ledgerTime: number) => void;
};

type Sighting = { readonly theirs: number; readonly at: number };

export const watchClock = (clock: Clock, log: Log): ClockWatch => {
  const sightings = new Map<ClockSource, Sighting>();
  /** Departures that an operator has confirmed. */
  const confirmed = new Map<ClockSource, number>();
  let said = '';
  const anchor = (): void => {
    sightings.set('own-elapsed', { theirs: clock.now(), at: clock.monotonic() });
  };
  anchor();

  const departures = (ledgerTime: number): Departure[] => {
    const wall = clock.now();
    const found: Departure[] = [];
    for (const [source, { theirs, at }] of sightings)
      found.push({ source, departsBy: Math.round(wall - (theirs + clock.monotonic() - at)) });
    // A ledger that rests is behind every clock; only a ledger ahead says anything.
    if (ledgerTime > wall) found.push({ source: 'ledger', departsBy: wall - ledgerTime });
    return found;
  };
  const suspect = ({ source, departsBy }: Departure): boolean =>
    Math.abs(departsBy - (confirmed.get(source) ?? 0)) > MOST_DEPARTURE;

  const look = (ledgerTime: number): readonly Departure[] => {
    const all = departures(ledgerTime);
    const found = all.filter(suspect);
    // What an operator confirmed is forgotten once the clocks agree without it.
    for (const { source, departsBy } of all)
      if (Math.abs(departsBy) <= MOST_DEPARTURE) confirmed.delete(source);
    if (!found.some((d) => d.source === 'own-elapsed')) {
      const kept = confirmed.get('own-elapsed');
      if (kept === undefined) anchor(); // so that many small corrections never add up to a large one
    }
    const now = found.map((d) => d.source).join(' ');
    if (now !== said && found.length > 0)
      log.warn(
        { event: 'CLOCK_SUSPECT', departures: found },
        'the clock departs from others: no CAL is returned until they agree, or `calbus clock confirm`',
      );
    if (now !== said && found.length === 0) log.info({}, 'the clock agrees with the others again');
    said = now;
    return found;
  };
  return {
    seen: (source, theirs) => {
      sightings.set(source, { theirs, at: clock.monotonic() });
    },
    look,
    ledgerTime: (last) => {
      const wall = clock.now();
      // Whatever departs forward is believed less than what it departs from.
      const ahead = look(last)
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
