// How often refusals are repeated that have their record already. Counted in memory, recorded now and then: the counts
// follow the ledger, they are no part of any decision.

import type { LedgerRecord } from '@calbus/contracts/ledger';

type Counted = Extract<LedgerRecord, { kind: 'refusals-counted' }>['counts'][number];
export type RepeatedRefusal = Omit<Counted, 'times'>;

/** So that they fit into one batch. */
const MAX_RECORD_BYTES = 200_000;
/** Beyond so many different ones further repeats are not counted until the next record. */
const MAX_COUNTED = 10_000;

export type RefusalCounter = {
  readonly add: (refusal: RepeatedRefusal) => void;
  /** What was counted since, at most as much as one batch holds; counts afresh. */
  readonly takeRecords: () => LedgerRecord[];
};

export const createRefusalCounter = (): RefusalCounter => {
  const counted = new Map<string, Counted>();
  return {
    add: (r) => {
      const key = `${r.terminalServerId} ${r.userKey ?? r.hardwareId} ${r.version} ${r.mode} ${r.code}`;
      const times = (counted.get(key)?.times ?? 0) + 1;
      if (times === 1 && counted.size >= MAX_COUNTED) return;
      counted.set(key, { ...r, times });
    },
    takeRecords: () => {
      const counts: Counted[] = [];
      let size = 0;
      for (const [key, c] of counted) {
        size += Buffer.byteLength(JSON.stringify(c)) + 1;
        if (size > MAX_RECORD_BYTES) break;
        counts.push(c);
        counted.delete(key);
      }
      return counts.length === 0 ? [] : [{ kind: 'refusals-counted', counts }];
    },
  };
};
