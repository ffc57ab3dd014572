// Splits a source file into code and prose, so that a rule about sentences never meets a name, and a rule about names never meets a sentence.

export type Prose = { readonly line: number; readonly text: string };
export type SourceText = {
  /** The file with comments and the contents of strings replaced by spaces. Lines stay where they are. */
  readonly code: string;
  /** Comments, and strings that hold at least three words. */
  readonly prose: readonly Prose[];
};

/** A string with fewer words is a code, a path or a name. */
const MIN_WORDS = 3;
const tokens =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[dgimsuvy]*/g;

/** A `/` begins a regular expression only where no value ends before it. */
const isDivision = (before: string): boolean =>
  /[\w)\]}$]\s*$/.test(before) && !/\b(return|typeof|case)\s*$/.test(before);

const blank = (text: string): string => text.replaceAll(/[^\n]/g, ' ');

export const sourceText = (source: string): SourceText => {
  const prose: Prose[] = [];
  let code = '';
  let line = 1;
  let at = 0;
  tokens.lastIndex = 0;
  for (let match = tokens.exec(source); match; match = tokens.exec(source)) {
    const [text] = match;
    const skipped = source.slice(at, match.index);
    if (text.startsWith('/') && !/^\/[/*]/.test(text) && isDivision(code + skipped)) {
      tokens.lastIndex = match.index + 1;
      continue;
    }
    code += skipped + blank(text);
    line += skipped.split('\n').length - 1;
    at = match.index + text.length;
    const isComment = /^\/[/*]/.test(text);
    const isString = /^['"`]/.test(text) && text.split(/\s+/).length >= MIN_WORDS;
    if (isComment || isString)
      for (const [n, part] of text.split('\n').entries())
        // What stands in backquotes or braces of a template is code.
        prose.push({ line: line + n, text: part.replaceAll(/(?<=.)`[^`]*`|\$\{[^}]*\}|"[a-z-]+"/g, ' ') });
    line += text.split('\n').length - 1;
  }
  return { code: code + source.slice(at), prose };
};

/** The sentences of a Markdown page: without code blocks, inline code and link targets. */
export const markdownProse = (page: string): readonly Prose[] => {
  let inBlock = false;
  const prose: Prose[] = [];
  for (const [n, text] of page.split('\n').entries()) {
    if (/^\s*(```|~~~)/.test(text)) inBlock = !inBlock;
    else if (!inBlock && !/^\s{4,}\S/.test(text))
      prose.push({ line: n + 1, text: text.replaceAll(/`[^`]*`/g, ' ').replaceAll(/\]\([^)]*\)/g, ']') });
  }
  return prose;
};
