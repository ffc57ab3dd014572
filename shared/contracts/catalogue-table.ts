// The catalogue as the table of docs/contracts.md.

import { exchanges } from './src/catalogue.ts';
import type { Contract } from './src/envelope.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|');
const typesOf = (messages: readonly Contract[]): string => messages.map((c) => `\`${c.type}\``).join(', ');

export const catalogueTable = (): string =>
  [
    '| subject | transport | from | to | messages | answers |',
    '| --- | --- | --- | --- | --- | --- |',
    ...exchanges.map((e) =>
      [
        '',
        `\`${e.subject}\``,
        e.transport,
        e.from.join(', '),
        e.to.join(', '),
        typesOf(e.messages),
        typesOf(e.answers ?? []),
        '',
      ]
        .map(cell)
        .join(' | ')
        .trim(),
    ),
  ].join('\n');
