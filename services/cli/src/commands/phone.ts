// The Clearinghouse's telephone numbers, from a file of the deployment.

import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { firstIssue } from '@calbus/contracts/envelope';
import { name } from '@calbus/contracts/tokens';
import { json, plain, say, table } from '../print.ts';
import { Problem } from '@calbus/operator-client/problem';
import type { Profile } from '@calbus/operator-client/profile';

const numbers = z.strictObject({
  numbers: z
    .array(
      z.strictObject({
        country: name,
        region: name.optional(),
        number: name,
        note: name.optional(),
        /** Shows what an entry looks like; there is no such number. */
        example: z.literal(true).optional(),
      }),
    )
    .max(1_000),
});

const read = (file: string): z.infer<typeof numbers>['numbers'] => {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8')) as unknown;
  } catch {
    throw new Problem('BAD_FILE', `${file} cannot be read as JSON: it has the telephone numbers.`);
  }
  const parsed = numbers.safeParse(value);
  if (!parsed.success)
    throw new Problem('BAD_FILE', `${file} is no list of telephone numbers: ${firstIssue(parsed.error)}.`);
  return parsed.data.numbers.filter((n) => n.example !== true);
};

const instead = 'Ask your vendor for it, or carry a file: --method web.';

export const phone = (profile: Profile, where: string | undefined, asJson: boolean): void => {
  const file = profile.phoneNumbersFile;
  if (file === undefined)
    throw new Problem(
      'NO_NUMBER',
      `The profile names no file of telephone numbers (phoneNumbersFile). ${instead}`,
    );
  const all = read(file);
  const wanted = where?.toLowerCase();
  const found = all.filter((n) =>
    wanted === undefined ? true : [n.country, n.region].some((x) => x?.toLowerCase().includes(wanted)),
  );
  if (found.length === 0)
    throw new Problem(
      'NO_NUMBER',
      all.length === 0
        ? `No telephone number was entered in ${file} yet. ${instead}`
        : `There is no number for ${plain(where ?? '')}; calbus phone shows those that there are. ${instead}`,
    );
  if (asJson) return json(found);
  table(
    ['country', 'region', 'number', 'note'],
    found.map((n) => [n.country, n.region ?? '', n.number, n.note ?? '']),
  );
  say('What to say: calbus requests say <command>.');
};
