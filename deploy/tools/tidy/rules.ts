// The rules that keep the house as it is. Each takes texts and gives findings, so that each is tested on a text that breaks it.

import { markdownProse, sourceText, type Prose } from './source-text.ts';
import { fieldNouns, fileNames, names, phrases, type Word } from './words.ts';

export type Finding = {
  readonly file: string;
  readonly line: number;
  readonly problem: string;
  readonly say: string;
};

const matches = (file: string, prose: readonly Prose[], words: readonly Word[], kind: string): Finding[] =>
  prose.flatMap(({ line, text }) =>
    words.flatMap(({ pattern, say }) => {
      const found = pattern.exec(text);
      return found ? [{ file, line, problem: `${kind} "${found[0].trim()}"`, say }] : [];
    }),
  );

/** Sentences of a source file or a page. */
export const checkPhrases = (file: string, text: string): Finding[] =>
  matches(file, file.endsWith('.md') ? markdownProse(text) : sourceText(text).prose, phrases, 'the phrase');

/** Names in the code of a source file. */
export const checkNames = (file: string, text: string): Finding[] =>
  matches(
    file,
    sourceText(text)
      .code.split('\n')
      .map((line, n) => ({ line: n + 1, text: line })),
    names,
    'the name',
  );

export const checkFileName = (file: string): Finding[] => {
  const stem = (file.split('/').at(-1) ?? '').replace(/(\.[a-z]+)*\.(ts|mjs)$/, '');
  if (fieldNouns.has(stem)) return [];
  const word = fileNames.find(({ pattern }) => pattern.test(stem));
  return word ? [{ file, line: 1, problem: `the file name "${stem}"`, say: word.say }] : [];
};

export type Package = {
  readonly name: string;
  /** From the root of the repository. */
  readonly folder: string;
  readonly dependencies: ReadonlySet<string>;
  readonly exports: Readonly<Record<string, unknown>>;
};

export type Import = { readonly line: number; readonly specifier: string };

const importPattern =
  /(?:^|[\n;}])\s*(?:import|export)\b[^'";]*?\bfrom\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)|(?:^|\n)\s*import\s+'([^']+)'/g;

export const importsOf = (text: string): Import[] =>
  [...text.matchAll(importPattern)].map((m) => {
    const specifier = m[1] ?? m[2] ?? m[3] ?? '';
    const at = (m.index ?? 0) + m[0].lastIndexOf(specifier);
    return { line: text.slice(0, at).split('\n').length, specifier };
  });

const packageName = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

/** A package declares each package that its files import, and names its public files one by one. */
export const checkDeclared = (
  file: string,
  text: string,
  own: Package,
  packages: readonly Package[],
): Finding[] =>
  importsOf(text).flatMap(({ line, specifier }): Finding[] => {
    if (specifier.startsWith('.') || specifier.startsWith('node:')) return [];
    const name = packageName(specifier);
    if (name !== own.name && !own.dependencies.has(name))
      return [
        { file, line, problem: `the import of ${name}`, say: `declare it in ${own.folder}/package.json` },
      ];
    const target = packages.find((p) => p.name === name);
    const exported = `.${specifier.slice(name.length)}`;
    return target && !(exported in target.exports)
      ? [{ file, line, problem: `the import of ${specifier}`, say: `${name} does not export ${exported}` }]
      : [];
  });

export const checkExports = (own: Package): Finding[] =>
  Object.keys(own.exports)
    .filter((e) => e.includes('*'))
    .map((e) => ({
      file: `${own.folder}/package.json`,
      line: 1,
      problem: `the export "${e}"`,
      say: 'name each public file',
    }));

/** From a room to the rooms that it may import: the README's table. */
export type Arrows = ReadonlyMap<string, ReadonlySet<string>>;

/** Rows of the README such as "| `services/issuer` | `contracts`, `runtime` |" below the heading "Which room may import which". */
export const readArrows = (readme: string): Arrows => {
  const section = readme.split(/^#+ Which room may import which$/m)[1]?.split(/^#+ /m)[0] ?? '';
  const cells = (row: string): string[] => [...row.matchAll(/`([^`]+)`/g)].map((m) => m[1] ?? '');
  return new Map(
    section
      .split('\n')
      .filter((row) => /^\| *`/.test(row))
      .map((row) => {
        const [, from = '', to = ''] = row.split('|');
        return [cells(from)[0] ?? '', new Set(cells(to))] as const;
      }),
  );
};

/** The longest room of the table that holds the file. */
export const roomOf = (file: string, arrows: Arrows): string | undefined =>
  [...arrows.keys()].filter((room) => file.startsWith(`${room}/`)).sort((a, b) => b.length - a.length)[0];

export const checkArrows = (
  file: string,
  imports: readonly { readonly line: number; readonly target: string }[],
  arrows: Arrows,
): Finding[] => {
  const from = roomOf(file, arrows);
  if (from === undefined)
    return [{ file, line: 1, problem: 'no room holds this file', say: 'add its room to the README' }];
  const allowed = arrows.get(from) ?? new Set();
  // "services/*" permits each room under services.
  const permits = (to: string): boolean =>
    allowed.has(to) || [...allowed].some((a) => a.endsWith('/*') && to.startsWith(a.slice(0, -1)));
  return imports.flatMap(({ line, target }) => {
    const to = roomOf(target, arrows);
    return to === undefined || to === from || permits(to)
      ? []
      : [{ file, line, problem: `${from} imports ${to}`, say: 'this arrow is not in the README' }];
  });
};

/** `.dockerignore` begins with `*` and then names what the build of the image gets: of the tests the manifest alone, which npm needs. */
export const checkImageContent = (dockerignore: string): Finding[] =>
  dockerignore.split('\n').flatMap((rule, n) =>
    /^!\/?(tests\b(?!\/support\/package\.json$)|\*\*?$|(?!tests\/).*test)/.test(rule.trim())
      ? [
          {
            file: '.dockerignore',
            line: n + 1,
            problem: `"${rule}" lets tests into the image`,
            say: 'leave it out',
          },
        ]
      : [],
  );
