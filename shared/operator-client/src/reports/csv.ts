// Comma-separated values by RFC 4180: CRLF, quotes where needed, inner quotes doubled.

/** The beginning of a formula in a spreadsheet. A spreadsheet that splits at semicolons or tabs begins a cell there, too. */
const FORMULA = /(^|[;\t\r\n])([^\S\t\r\n]*[=+\-@])/g;

const cell = (value: string | number | null): string => {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const text = value.replaceAll(FORMULA, "$1'$2");
  return /[",;\s]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

export type Cells = readonly (string | number | null)[];

/** One record with its line end. No text cell begins as a formula does. */
export const csvLine = (cells: Cells): string => `${cells.map(cell).join(',')}\r\n`;
