// Inserts, finds and removes calbus's line in the file of a PAM service. Pure; all other lines stay unchanged.

const MARK = '# calbus: who logs on needs a license';
const ACCOUNT = /^\s*(-?account\s|@include\s+common-account\b)/;

export type PamFileChange =
  { readonly ok: true; readonly text: string } | { readonly ok: false; readonly says: string };

/** PAM has no shell quoting: brackets enclose an argument that contains a space. */
const word = (w: string): string => (/[\s[\]]/.test(w) ? `[${w.replaceAll(']', String.raw`\]`)}]` : w);

export const gateLine = (command: readonly string[]): string =>
  `account  requisite  pam_exec.so stdout ${command.map(word).join(' ')}`;

/** Removes calbus's line, whatever command it runs. */
export const withoutGate = (text: string): string => {
  const lines = text.split('\n');
  const isGate = (line: string, n: number): boolean => lines[n - 1] === MARK && line.includes('pam_exec.so');
  return lines.filter((line, n) => line !== MARK && !isGate(line, n)).join('\n');
};

export const hasGate = (text: string): boolean => text.split('\n').includes(MARK);

/** Puts the line before all other account lines: PAM would skip it after a "sufficient" module or a jump. */
export const withGate = (text: string, command: readonly string[]): PamFileChange => {
  const lines = withoutGate(text).split('\n');
  const at = lines.findIndex((line) => ACCOUNT.test(line));
  if (at === -1)
    return {
      ok: false,
      says: `There is no account line in it. Put this line before the lines that decide about accounts:\n${gateLine(command)}`,
    };
  return {
    ok: true,
    text: [...lines.slice(0, at), MARK, gateLine(command), ...lines.slice(at)].join('\n'),
  };
};
