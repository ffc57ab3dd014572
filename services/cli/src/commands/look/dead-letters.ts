// `calbus dead-letters`.

import { readDeadLetters } from '@calbus/operator-client/stream-tail';
import { time } from '@calbus/operator-client/text';
import { JSON_OPTION, wholeNumber, type JsonOption } from '../../arguments.ts';
import type { DefineCommand } from '../../command-context.ts';
import { json, say, table } from '../../print.ts';

type DeadLetter = Awaited<ReturnType<typeof readDeadLetters>>[number];

const MAX_REASON_LENGTH = 70;

const show = (letters: readonly DeadLetter[]): void => {
  if (letters.length === 0) return say('No dead letters.');
  table(
    ['at', 'service', 'subject', 'code', 'why', 'size'],
    letters.map((l) => [
      time(l.at),
      l.service,
      l.subject,
      l.code,
      l.says.slice(0, MAX_REASON_LENGTH),
      String(Buffer.byteLength(l.bytes, 'base64')),
    ]),
  );
};

export const define: DefineCommand = (command, { withOperator }) => {
  command
    .option(...JSON_OPTION)
    .option('--limit <n>', 'at most this many', wholeNumber, 20)
    .action((o: JsonOption & { readonly limit: number }) =>
      withOperator(async (operator) => {
        const letters = await readDeadLetters(operator, o.limit);
        if (o.json) json(letters);
        else show(letters);
      }),
    );
};
