// The gate in a PAM service's file: put in, found, taken out. Pure; whatever else stands in the file stays as it is.

const MARK = '# calbus: who logs on needs a license';
const ACCOUNT = /^\s*(-?account\s|@include\s+common-account\b)/;

export type PamFileChange =
  { readonly ok: true; readonly text: string } | { readonly ok: false; readonly says: string };

/** Shell-like words are not known to PAM: a path with a blank stands in brackets there. */
const word = (w: string): string => (/[\s[\]]/.test(w) ? `[${w.replaceAll(']', String.raw`\]`)}]` : w);

export const gateLine = (command: readonly string[]): string =>
  `account  requisite  pam_exec.so stdout ${command.map(word).join(' ')}`;

/** Without the gate, whichever command it ran. */
export const withoutGate = (text: string): string => {
  const lines = text.split('\n');
  const isGate = (line: string, n: number): boolean => lines[n - 1] === MARK && line.includes('pam_exec.so');
  return lines.filter((line, n) => line !== MARK && !isGate(line, n)).join('\n');
};

export const hasGate = (text: string): boolean => text.split('\n').includes(MARK);

/** Before all that decides about accounts: a "sufficient" or a jump before it would pass it by. */
export const withGate = (text: string, command: readonly string[]): PamFileChange => {
  const lines = withoutGate(text).split('\n');
  const at = lines.findIndex((line) => ACCOUNT.test(line));
  if (at === -1)
    return {
      ok: false,
      says: `There is no account line in it. Put this one before whatever decides about accounts:\n${gateLine(command)}`,
    };
  return {
    ok: true,
    text: [...lines.slice(0, at), MARK, gateLine(command), ...lines.slice(at)].join('\n'),
  };
};
