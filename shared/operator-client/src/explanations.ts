// Asks inventory for what it kept of decisions. A search through much of it is cut into answers that come soon; this goes on
// until there is enough or nothing more.

import type { Body } from '@calbus/contracts/envelope';
import { inventoryExplained, queryExplain, type Explanation } from '@calbus/contracts/explain-messages';
import { subjects } from '@calbus/contracts/subjects';
import type { OperatorClient } from './client.ts';
import { Problem } from './problem.ts';
import { progressOf } from '@calbus/cli/progress';

/** What is asked about. */
export type ExplanationSubject =
  { readonly requestId: string } | { readonly hardwareId: string } | { readonly userKey: string };

const MOST_MS = 60_000;

export const readExplanations = async (
  operator: OperatorClient,
  about: ExplanationSubject,
  limit: number,
): Promise<Explanation[]> => {
  const until = performance.now() + MOST_MS;
  const progress = progressOf('Looking through what decisions saw');
  const found: Explanation[] = [];
  let before: number | undefined;
  let newest: number | undefined;
  try {
    for (;;) {
      const q: Body<typeof queryExplain> = {
        ...about,
        limit: limit - found.length,
        ...(before === undefined ? {} : { before }),
      };
      const subject = subjects.inventory.query('operator', 'explain');
      const page = await operator.ask(subject, queryExplain, q, inventoryExplained);
      found.push(...page.explanations);
      ({ before } = page);
      if (before === undefined || found.length >= limit) return found;
      if (performance.now() > until)
        throw new Problem('TIMEOUT', 'There is more to look through than can be done in a minute.');
      newest ??= before;
      progress.show(newest - before, newest);
    }
  } finally {
    progress.end();
  }
};
