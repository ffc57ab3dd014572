// What a row of a table asks for: a question to the facts, with a sentence for each answer. A row matches where all its
// conditions hold; the first that does not is the reason why it did not.

export type Predicate<F> = {
  readonly holds: string;
  readonly fails: string;
  readonly test: (facts: F) => boolean;
};

export const predicate = <F>(holds: string, fails: string, test: (facts: F) => boolean): Predicate<F> => ({
  holds,
  fails,
  test,
});

/** The first condition that does not hold; undefined where all do. Runs for every row of every decision. */
export const firstFailing = <F>(needs: readonly Predicate<F>[], facts: F): Predicate<F> | undefined => {
  for (const c of needs) if (!c.test(facts)) return c;
  return undefined;
};

/** The first row whose conditions all hold. */
export const firstMatch = <F, R extends { readonly needs: readonly Predicate<F>[] }>(
  rows: readonly R[],
  facts: F,
): R | undefined => {
  for (const row of rows) if (!firstFailing(row.needs, facts)) return row;
  return undefined;
};
