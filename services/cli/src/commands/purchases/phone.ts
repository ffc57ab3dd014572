// `calbus phone`: the Clearinghouse's telephone numbers, from a file of the deployment.

import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { firstIssue } from '@calbus/contracts/envelope';
import { name } from '@calbus/contracts/tokens';
import { Problem } from '@calbus/operator-client/problem';
import type { Profile } from '@calbus/operator-client/profile';
import { plain } from '@calbus/operator-client/text';
import { JSON_OPTION, type JsonOption } from '../../arguments.ts';
import type { DefineCommand } from '../../command-context.ts';
import { json, say, table } from '../../print.ts';

const phoneNumbers = z.strictObject({
  numbers: z
    .array(
      z.strictObject({
        country: name,
        region: name.optional(),
        number: name,
        note: name.optional(),
        /** Marks a sample entry; it is not shown. */
        example: z.literal(true).optional(),
      }),
    )
    .max(1_000),
});
type PhoneNumber = z.infer<typeof phoneNumbers>['numbers'][number];

const ALTERNATIVES = 'Ask your vendor for it, or carry a file: --method web.';

const readPhoneNumbers = (file: string): PhoneNumber[] => {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8')) as unknown;
  } catch {
    throw new Problem('BAD_FILE', `${file} cannot be read as JSON: it has the telephone numbers.`);
  }
  const parsed = phoneNumbers.safeParse(value);
  if (!parsed.success)
    throw new Problem('BAD_FILE', `${file} is no list of telephone numbers: ${firstIssue(parsed.error)}.`);
  return parsed.data.numbers.filter((n) => n.example !== true);
};

const findPhoneNumbers = (profile: Profile, where: string | undefined): PhoneNumber[] => {
  const file = profile.phoneNumbersFile;
  if (file === undefined)
    throw new Problem(
      'NO_NUMBER',
      `The profile names no file of telephone numbers (phoneNumbersFile). ${ALTERNATIVES}`,
    );
  const all = readPhoneNumbers(file);
  if (all.length === 0)
    throw new Problem('NO_NUMBER', `No telephone number was entered in ${file} yet. ${ALTERNATIVES}`);
  if (where === undefined) return all;
  const wanted = where.toLowerCase();
  const found = all.filter((n) => [n.country, n.region].some((x) => x?.toLowerCase().includes(wanted)));
  if (found.length > 0) return found;
  throw new Problem(
    'NO_NUMBER',
    `There is no number for ${plain(where)}; calbus phone shows those that there are. ${ALTERNATIVES}`,
  );
};

const show = (found: readonly PhoneNumber[]): void => {
  table(
    ['country', 'region', 'number', 'note'],
    found.map((n) => [n.country, n.region ?? '', n.number, n.note ?? '']),
  );
  say('What to say: calbus requests say <command>.');
};

export const define: DefineCommand = (command, { profile }) => {
  command
    .option(...JSON_OPTION)
    .argument('[country or region]', 'only there')
    .action(async (where: string | undefined, o: JsonOption) => {
      const found = findPhoneNumbers(await profile(), where);
      if (o.json) json(found);
      else show(found);
    });
};
