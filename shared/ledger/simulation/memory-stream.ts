// A stream in memory whose appends fail as a test plans it.

import type { AppendOutcome, LedgerPages, LedgerStream } from '../src/replica/ledger-stream.ts';

export type AppendPlan = 'ok' | 'stored without acknowledgement' | 'lost' | 'late' | 'full';

export type MemoryStream = LedgerStream &
  LedgerPages & {
    /** May be changed: a test restores, cuts or empties the stream. */
    messages: Uint8Array[];
    /** One for each of the next appends. */
    plan: AppendPlan[];
  };

export const memoryStream = (messages: Uint8Array[] = []): MemoryStream => {
  let late: Uint8Array | undefined;
  const store = (bytes: Uint8Array, expected: number): AppendOutcome => {
    if (s.messages.length !== expected) return { kind: 'uncertain', why: 'wrong last sequence' };
    s.messages.push(bytes);
    return { kind: 'stored', sequence: s.messages.length };
  };
  const s: MemoryStream = {
    messages,
    plan: [],
    append: async (bytes, expected) => {
      await Promise.resolve();
      const planned = s.plan.shift() ?? 'ok';
      if (planned === 'ok') return store(bytes, expected);
      if (planned === 'full') return { kind: 'full' };
      if (planned === 'stored without acknowledgement') store(bytes, expected);
      if (planned === 'late') late = bytes;
      return { kind: 'uncertain', why: 'timeout' };
    },
    async *readFrom(from) {
      await Promise.resolve();
      for (let i = from; i <= s.messages.length; i += 1)
        yield { sequence: i, bytes: s.messages[i - 1] ?? new Uint8Array() };
      // A late append is stored after the reader has seen the end.
      if (late) s.messages.push(late);
      late = undefined;
    },
    page: async (from, maxMessages) => ({
      entries: s.messages
        .map((bytes, i) => ({ sequence: i + 1, bytes, storedAt: 0 }))
        .filter((e) => e.sequence >= from)
        .slice(0, maxMessages),
      last: s.messages.length,
    }),
  };
  return s;
};
