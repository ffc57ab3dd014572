// The ledger as inventory hands it out, page by page, in order. The next page is on its way while the last one is looked at.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Body } from '@calbus/contracts/envelope';
import { inventoryLedger, MAX_LEDGER_PAGE, queryLedger } from '@calbus/contracts/ledger-messages';
import { subjects } from '@calbus/contracts/subjects';
import type { OperatorClient } from '../client.ts';
import { Problem } from '../problem.ts';
import { progressOf } from '@calbus/cli/progress';

export type StoredLedgerMessage = {
  readonly sequence: number;
  readonly storedAt: number;
  readonly bytes: Uint8Array;
};

/** A replica that is just leaving may take a question with it, and a slow server may keep one from its page: a long reading outlives that. */
const TRIES = 3;
const AGAIN_MS = 300;
const askedAgain: ReadonlySet<string> = new Set(['TIMEOUT', 'UNREACHABLE']);

type Page = Body<typeof inventoryLedger>;

export type LedgerReader = {
  /** Every message after the last one read, to the end as it is when reading begins. */
  readonly read: () => AsyncGenerator<StoredLedgerMessage>;
  /** The last answer of a replica; undefined before the first. */
  readonly replica: () => Page | undefined;
};

export const openLedgerReader = (operator: OperatorClient, what: string): LedgerReader => {
  const subject = subjects.inventory.query('operator', 'ledger');
  let next = 1;
  let replica: Page | undefined;
  const askOften = async (from: number): Promise<Page> => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await operator.ask(subject, queryLedger, { from, limit: MAX_LEDGER_PAGE }, inventoryLedger);
      } catch (error) {
        if (tries === TRIES || !(error instanceof Problem) || !askedAgain.has(error.code)) throw error;
        await sleep(AGAIN_MS);
      }
    }
  };
  const ask = (from: number): Promise<Page> => {
    const page = askOften(from);
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
