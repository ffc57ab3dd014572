// What inventory stored of decisions. It cuts a long search into pages; this module asks for pages until there are enough.

import type { Body } from '@calbus/contracts/envelope';
import { inventoryExplained, queryExplain, type Explanation } from '@calbus/contracts/explain-messages';
import { subjects } from '@calbus/contracts/subjects';
import type { OperatorClient } from './client.ts';
import { Problem } from './problem.ts';
import { noReport, type ProgressReport } from './progress.ts';

export type ExplanationSubject =
  { readonly requestId: string } | { readonly hardwareId: string } | { readonly userKey: string };

const SEARCH_TIMEOUT_MS = 60_000;

/** Newest first. Throws a Problem where the search takes too long. */
export const readExplanations = async (
  operator: OperatorClient,
  about: ExplanationSubject,
  limit: number,
  report: ProgressReport = noReport,
): Promise<Explanation[]> => {
  const deadline = performance.now() + SEARCH_TIMEOUT_MS;
  const found: Explanation[] = [];
  let before: number | undefined;
  let newest: number | undefined;
  for (;;) {
    const question: Body<typeof queryExplain> = {
      ...about,
      limit: limit - found.length,
      ...(before === undefined ? {} : { before }),
    };
    const subject = subjects.inventory.query('operator', 'explain');
    const page = await operator.ask(subject, queryExplain, question, inventoryExplained);
    found.push(...page.explanations);
    ({ before } = page);
    if (before === undefined || found.length >= limit) return found;
    if (performance.now() > deadline)
      throw new Problem('TIMEOUT', 'There is more to look through than can be done in a minute.');
    newest ??= before;
    report(newest - before, newest);
  }
};
