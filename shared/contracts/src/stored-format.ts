// Stored data names its format. A release refuses data with a later format: what it does not know it would drop, or read wrongly.

import { z } from 'zod';

const named = z.object({ format: z.int() });

/** Why `value`, read from `where`, is refused; undefined if its format is not above `newest`. Data without a format has format 1. */
export const laterFormatProblem = (where: string, value: unknown, newest: number): string | undefined => {
  const format = named.safeParse(value).data?.format ?? 1;
  return format > newest
    ? `${where} has format ${format}, and this release of calbus reads formats up to ${newest}: use a later release.`
    : undefined;
};
