// What calbus is compared with.

import type { Process } from '../processes.ts';

/** What does one durable grant (or one bare round trip) at a time, and how much processor time it takes where. */
export type Contender = {
  readonly name: string;
  /** One act, answered. Rejects where it fails. Safe to call many times at once. */
  readonly act: (n: number) => Promise<void>;
  /** The processes that work for it, by name, apart from the caller's. Several may have one name. */
  readonly processes: readonly Process[];
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/** One that grants licenses. Each act is of a device of its own, whatever its number. */
export type GrantingContender = Contender & {
  readonly books: () => Promise<Books>;
  /** With no act under way: the sentence that says how its books are wrong, or undefined where each grant is in them once. */
  readonly discrepancy: () => Promise<string | undefined>;
};

/** What stands in a contender's books: licenses one by one, and how many CALs of the pool are counted as issued. */
export type Books = { readonly licenses: number; readonly counted: number };

/** The part of a granting contender that counts what was answered, to compare it with the books. */
export const counted = (
  act: () => Promise<void>,
  books: () => Promise<Books>,
): Pick<GrantingContender, 'act' | 'books' | 'discrepancy'> => {
  const tally = { answered: 0, failed: 0 };
  return {
    act: async () => {
      try {
        await act();
        tally.answered += 1;
      } catch (error) {
        tally.failed += 1;
        throw error;
      }
    },
    books,
    discrepancy: async () => discrepancyOf(tally.answered, tally.failed, await books()),
  };
};

export const discrepancyOf = (answered: number, failed: number, books: Books): string | undefined => {
  const { licenses, counted } = books;
  // What failed for the caller may have been granted all the same, or counted only.
  const isRight = (n: number): boolean => n >= answered && n <= answered + failed;
  if (isRight(licenses) && isRight(counted) && licenses <= counted) return undefined;
  return `${answered} grants were answered and ${failed} failed, but ${licenses} licenses are there and ${counted} are counted.`;
};
