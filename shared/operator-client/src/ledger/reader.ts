// The ledger as inventory serves it, page by page and in order. The reader asks for the next page while the last one is processed.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Body } from '@calbus/contracts/envelope';
import { inventoryLedger, MAX_LEDGER_PAGE, queryLedger } from '@calbus/contracts/ledger-messages';
import { subjects } from '@calbus/contracts/subjects';
import type { OperatorClient } from '../client.ts';
import { Problem } from '../problem.ts';
import { noReport, type ProgressReport } from '../progress.ts';

export type StoredLedgerMessage = {
  readonly sequence: number;
  readonly storedAt: number;
  readonly bytes: Uint8Array;
};

/** A replica that stops can lose a question, and a slow server can delay a page. A long read survives both. */
const MAX_ATTEMPTS = 3;
const RETRY_DELAY_MS = 300;
const transient: ReadonlySet<string> = new Set(['TIMEOUT', 'UNREACHABLE']);

type Page = Body<typeof inventoryLedger>;

const askForPage = async (operator: OperatorClient, from: number): Promise<Page> => {
  const subject = subjects.inventory.query('operator', 'ledger');
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await operator.ask(subject, queryLedger, { from, limit: MAX_LEDGER_PAGE }, inventoryLedger);
    } catch (error) {
      if (attempt === MAX_ATTEMPTS || !(error instanceof Problem) || !transient.has(error.code)) throw error;
      await sleep(RETRY_DELAY_MS);
    }
  }
};

/** The page that is asked for ahead is not awaited where the read ends early. Its error then has no reader. */
const requestPage = (operator: OperatorClient, from: number): Promise<Page> => {
  const page = askForPage(operator, from);
  page.catch(() => {});
  return page;
};

export type LedgerReader = {
  /** Every message after the last one read, up to the end as it is when the read begins. */
  readonly read: () => AsyncGenerator<StoredLedgerMessage>;
  /** The last answer of a replica; undefined before the first. */
  readonly replica: () => Page | undefined;
};

export const openLedgerReader = (
  operator: OperatorClient,
  report: ProgressReport = noReport,
): LedgerReader => {
  let next = 1;
  let replica: Page | undefined;
  return {
    replica: () => replica,
    async *read() {
      let pending = requestPage(operator, next);
      let end: number | undefined;
      for (;;) {
        const page = await pending;
        replica = page;
        end ??= page.last;
        const last = page.messages.at(-1)?.sequence ?? next + MAX_LEDGER_PAGE - 1;
        if (last < end) pending = requestPage(operator, last + 1);
        for (const m of page.messages) {
          if (m.sequence > end) return;
          next = m.sequence + 1;
          yield { sequence: m.sequence, storedAt: m.storedAt, bytes: Buffer.from(m.bytes, 'base64') };
        }
        next = Math.max(next, Math.min(last, end) + 1);
        report(next - 1, end);
        if (last >= end) return;
      }
    },
  };
};
