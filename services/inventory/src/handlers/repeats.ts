// How often refusals are repeated that have their record already. Counted in memory, recorded now and then: the counts
// follow the ledger, they are no part of any decision.

import type { LedgerRecord } from '@calbus/contracts/ledger';

type Counted = Extract<LedgerRecord, { kind: 'refusals-counted' }>['counts'][number];
export type RepeatedRefusal = Omit<Counted, 'times'>;

/** So that they fit into one batch. */
const MOST_BYTES = 200_000;
/** Beyond so many different ones further repeats are not counted until the next record. */
const MOST_KEPT = 10_000;

export type Repeats = {
  readonly count: (refusal: RepeatedRefusal) => void;
  /** What was counted since, at most as much as one batch holds; counts afresh. */
  readonly take: () => LedgerRecord[];
};

export const countRepeats = (): Repeats => {
  const counted = new Map<string, Counted>();
  return {
    count: (r) => {
      const key = `${r.terminalServerId} ${r.userKey ?? r.hardwareId} ${r.version} ${r.mode} ${r.code}`;
      const times = (counted.get(key)?.times ?? 0) + 1;
      if (times === 1 && counted.size >= MOST_KEPT) return;
      counted.set(key, { ...r, times });
    },
    take: () => {
      const counts: Counted[] = [];
      let size = 0;
      for (const [key, c] of counted) {
        size += Buffer.byteLength(JSON.stringify(c)) + 1;
        if (size > MOST_BYTES) break;
        counts.push(c);
        counted.delete(key);
      }
      return counts.length === 0 ? [] : [{ kind: 'refusals-counted', counts }];
    },
  };
};
