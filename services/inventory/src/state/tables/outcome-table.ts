// Remembered outcomes by request id, packed, oldest first.

import type { Outcome } from '@calbus/contracts/allocation-messages';
import { packAnswer, unpackAnswer } from './packed-rows.ts';
import type { Table } from './table.ts';
import type { StringPool } from './string-pool.ts';

export class OutcomeTable implements Table<Outcome> {
  private readonly strings: StringPool;
  private readonly rows = new Map<string, string>();

  constructor(words: StringPool) {
    this.strings = words;
  }

  get size(): number {
    return this.rows.size;
  }

  get(requestId: string): Outcome | undefined {
    const row = this.rows.get(requestId);
    return row === undefined ? undefined : unpackAnswer(row, requestId, this.strings);
  }

  set(requestId: string, answer: Outcome): void {
    this.setRow(requestId, packAnswer(answer, this.strings));
  }

  setRow(requestId: string, row: string): void {
    this.rows.set(requestId, row);
  }

  keys(): Iterable<string> {
    return this.rows.keys();
  }

  delete(requestId: string): void {
    this.rows.delete(requestId);
  }

  /** Request ids and packed rows as they stand now. */
  freeze(): { readonly ids: readonly string[]; readonly rows: readonly string[] } {
    return { ids: [...this.rows.keys()], rows: [...this.rows.values()] };
  }
}
