// The ledger as inventory hands it out, page by page, in order. The next page is on its way while the last one is looked at.

import type { Body } from '@calbus/contracts/envelope';
import { inventoryLedger, MAX_LEDGER_PAGE, queryLedger } from '@calbus/contracts/inventory-messages';
import { subjects } from '@calbus/contracts/subjects';
import type { Operator } from '../../operator.ts';
import { progressOf } from '../../progress.ts';

export type ReadMessage = {
  readonly sequence: number;
  readonly storedAt: number;
  readonly bytes: Uint8Array;
};

type Page = Body<typeof inventoryLedger>;

export type LedgerReader = {
  /** Every message after the last one read, to the end as it is when reading begins. */
  readonly read: () => AsyncGenerator<ReadMessage>;
  /** The last answer of a replica; undefined before the first. */
  readonly replica: () => Page | undefined;
};

export const ledgerReader = (operator: Operator, what: string): LedgerReader => {
  const subject = subjects.inventory.query('operator', 'ledger');
  let next = 1;
  let replica: Page | undefined;
  const ask = (from: number): Promise<Page> => {
    const page = operator.ask(subject, queryLedger, { from, limit: MAX_LEDGER_PAGE }, inventoryLedger);
    // Nobody waits for the page ahead where reading is broken off.
    page.catch(() => {});
    return page;
  };
  return {
    replica: () => replica,
    async *read() {
      const progress = progressOf(what);
      try {
        let asked = ask(next);
        let end: number | undefined;
        for (;;) {
          const page = await asked;
          replica = page;
          end ??= page.last;
          const from = next;
          const after = page.messages.at(-1)?.sequence ?? from + MAX_LEDGER_PAGE - 1;
          if (after < end) asked = ask(after + 1);
          for (const m of page.messages) {
            if (m.sequence > end) return;
            next = m.sequence + 1;
            yield { sequence: m.sequence, storedAt: m.storedAt, bytes: Buffer.from(m.bytes, 'base64') };
          }
          next = Math.max(next, Math.min(after, end) + 1);
          progress.show(next - 1, end);
          if (after >= end) return;
        }
      } finally {
        progress.end();
      }
    },
  };
};
