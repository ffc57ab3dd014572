// Output for people: lines, tables and a few colours. Colours appear only on a terminal.

import { plain } from '@calbus/operator-client/text';

const hasColours = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
const paint =
  (code: number) =>
  (text: string): string =>
    hasColours ? `\u001b[${code}m${text}\u001b[0m` : text;

export const bold = paint(1);
export const dim = paint(2);
export const red = paint(31);
export const green = paint(32);
export const yellow = paint(33);

export const say = (line = ''): void => {
  process.stdout.write(`${line}\n`);
};

export const json = (value: unknown): void => say(JSON.stringify(value, null, 2));

/** The columns are as wide as their widest cell. Control characters are taken out of the cells. */
export const table = (head: readonly string[], cells: readonly (readonly string[])[]): void => {
  const rows = cells.map((r) => r.map(plain));
  const widths = head.map((h, i) => Math.max(h.length, ...rows.map((r) => (r[i] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((c, i) => c.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  say(bold(line(head)));
  for (const r of rows) say(line(r));
};

/** Prints lines with a bold label in a column of `width`. An empty label continues the line above. */
export const labelled =
  (width: number) =>
  (label: string, text: string): void =>
    say(`${bold(label.padEnd(width))} ${text}`);

/** Groups of letters as they are said over the telephone, numbered in lines of five. */
export const sayGroups = (groups: readonly string[]): void => {
  const perLine = 5;
  for (let i = 0; i < groups.length; i += perLine)
    say(`${String(i + 1).padStart(4)}: ${groups.slice(i, i + perLine).join(' ')}`);
};
