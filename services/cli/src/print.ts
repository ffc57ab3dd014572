// What the user sees: tables, dates and a little colour, the latter only on a terminal.

const colours = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
const paint =
  (code: number) =>
  (text: string): string =>
    colours ? `\u001b[${code}m${text}\u001b[0m` : text;

/** What others sent may hold what steers a terminal; each such character is shown as a dot. */
export const plain = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- taking control characters out is the purpose
  text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '·');

export const bold = paint(1);
export const red = paint(31);
export const green = paint(32);
export const yellow = paint(33);
export const dim = paint(2);

export const say = (line = ''): void => {
  process.stdout.write(`${line}\n`);
};

export const json = (value: unknown): void => say(JSON.stringify(value, null, 2));

/** 2026-11-24 07:05, in UTC. */
export const time = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');

/** 2026-11-24 07:05:09, in UTC. */
export const moment = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');

export const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** Columns as wide as their widest cell; cells are shown plain. */
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

/** A license's kind, as tables show it. */
export const kindWords = (l: { readonly kind: string; readonly validated: boolean }): string =>
  l.kind === 'temporary' && l.validated ? 'temporary, validated' : l.kind;

export const modeName = (mode: string): string => (mode === 'per-user' ? 'Per User' : 'Per Device');

/** 35 characters as 7 groups of 5. */
export const grouped = (id: string): string =>
  /^[A-Z0-9]{35}$/.test(id) ? (id.match(/.{5}/g) ?? []).join('-') : id;

/** What only some pools have: licenses revoked, CALs kept, and CALs that are missing. */
export const poolExtras = (
  pool: string,
  n: Readonly<Partial<Record<'revoked' | 'reserved' | 'deficit', number | undefined>>>,
): string | undefined => {
  const { revoked = 0, reserved = 0, deficit = 0 } = n;
  const words = [
    ...(revoked > 0 ? [`${revoked} revoked and not past their end`] : []),
    ...(reserved > 0 ? [`${reserved} kept for licenses that are learned again`] : []),
    ...(deficit > 0 ? [`${deficit} issued for which there is no CAL`] : []),
  ];
  return words.length === 0 ? undefined : `${pool}: ${words.join(', ')}.`;
};
