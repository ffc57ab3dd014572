// Comma-separated values as RFC 4180 has them: CRLF, quotes where they are needed, quotes within doubled.

/** Text by which a spreadsheet would take a cell for a formula; where it splits at semicolons or tabs, a cell begins there, too. */
const FORMULA = /(^|[;\t\r\n])([^\S\t\r\n]*[=+\-@])/g;

const cell = (value: string | number | null): string => {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const text = value.replaceAll(FORMULA, "$1'$2");
  return /[",;\s]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

export type Cells = readonly (string | number | null)[];

/** One record with the end of its line. Numbers stand as they are; of others none begins as a formula does. */
export const csvLine = (cells: Cells): string => `${cells.map(cell).join(',')}\r\n`;
