// What counts until its end (full licenses that hold a CAL, users), by the hour of it: what is due is found without looking
// at the others.

import { hourOf } from './license.ts';

type Expiry = { readonly id: string; readonly notAfter: number };

export type ExpiryIndex = {
  readonly add: (e: Expiry) => void;
  readonly remove: (e: Expiry) => void;
  /** Whose end is not after `until`. */
  readonly due: (until: number) => Iterable<string>;
};

export class ExpiryTable implements ExpiryIndex {
  private readonly hours = new Map<number, Map<string, number>>();

  add({ id, notAfter }: Expiry): void {
    const hour = hourOf(notAfter);
    const known = this.hours.get(hour);
    if (known) known.set(id, notAfter);
    else this.hours.set(hour, new Map([[id, notAfter]]));
  }

  remove({ id, notAfter }: Expiry): void {
    const hour = hourOf(notAfter);
    const known = this.hours.get(hour);
    known?.delete(id);
    if (known?.size === 0) this.hours.delete(hour);
  }

  /** How many end in the hours between the two, to the hour: found without looking at each. */
  between(from: number, until: number): number {
    let n = 0;
    for (const [hour, ends] of this.hours) if (hour >= hourOf(from) && hour <= hourOf(until)) n += ends.size;
    return n;
  }

  *due(until: number): Generator<string> {
    const hours = [...this.hours.keys()].filter((hour) => hour <= hourOf(until)).sort((a, b) => a - b);
    for (const hour of hours) {
      for (const [id, notAfter] of this.hours.get(hour) ?? []) if (notAfter <= until) yield id;
    }
  }
}

export const draftExpiryIndex = (base: ExpiryIndex): ExpiryIndex => {
  const added = new ExpiryTable();
  const dropped = new Set<string>();
  return {
    add: (e) => added.add(e),
    remove: (e) => {
      added.remove(e);
      dropped.add(e.id);
    },
    *due(until) {
      for (const id of base.due(until)) if (!dropped.has(id)) yield id;
      yield* added.due(until);
    },
  };
};
