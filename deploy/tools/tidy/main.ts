// `tidy`: holds the repository to the words and arrows of the house. It names file, line and what to say or do instead.
// Usage: node deploy/tools/tidy/main.ts [--help] [path …]   A path is the beginning of a file's path; without one, all files.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findCircles, resolveImport } from './imports.ts';
import * as rules from './rules.ts';
import type { Finding, Package } from './rules.ts';
import { unfinished } from './unfinished.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

const trackedFiles = (): string[] =>
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  })
    .split('\n')
    .filter((file) => file !== '' && existsSync(path.join(root, file)));

const packagesAmong = (files: readonly string[]): Package[] =>
  files
    .filter((file) => file.endsWith('/package.json'))
    .map((file) => {
      const {
        name,
        dependencies = {},
        devDependencies = {},
        exports = {},
      } = JSON.parse(read(file)) as {
        name: string;
        dependencies?: object;
        devDependencies?: object;
        exports?: Record<string, unknown>;
      };
      const declared = new Set([...Object.keys(dependencies), ...Object.keys(devDependencies)]);
      return { name, folder: path.dirname(file), dependencies: declared, exports };
    });

const isSource = (file: string): boolean => /\.(ts|mjs)$/.test(file);
const isTest = (file: string): boolean => file.endsWith('.test.ts') || file.startsWith('tests/');
/** The tool names what it forbids. */
const isOwn = (file: string): boolean => file.startsWith('deploy/tools/tidy/');

/** A room of an import; a package that does not export the file still names the room. */
const targetOf = (file: string, specifier: string, packages: readonly Package[]): string | undefined => {
  const target = packages.find((p) => specifier.startsWith(`${p.name}/`));
  return resolveImport(file, specifier, packages) ?? (target && `${target.folder}/src/?`);
};

const checkCircles = (files: readonly string[], packages: readonly Package[]): Finding[] =>
  findCircles(
    files.filter(isSource).map((file) => ({ file, text: read(file) })),
    packages,
  ).map((circle) => ({
    file: circle[0] ?? '',
    line: 1,
    problem: `the circle of imports ${circle.join(', ')}`,
    say: 'move what both need into a third file',
  }));

const checkSource = (file: string, packages: readonly Package[], arrows: rules.Arrows): Finding[] => {
  const text = read(file);
  const findings = [
    ...rules.checkPhrases(file, text),
    ...rules.checkNames(file, text),
    ...rules.checkFileName(file),
  ];
  if (isTest(file)) return findings;
  const own = packages.find((p) => file.startsWith(`${p.folder}/`));
  if (own) findings.push(...rules.checkDeclared(file, text, own, packages));
  const targets = rules.importsOf(text).flatMap(({ line, specifier }) => {
    const target = targetOf(file, specifier, packages);
    return target === undefined ? [] : [{ line, target }];
  });
  return arrows.size === 0 ? findings : [...findings, ...rules.checkArrows(file, targets, arrows)];
};

const tidy = (wanted: readonly string[]): Finding[] => {
  const files = trackedFiles();
  const packages = packagesAmong(files);
  const arrows = rules.readArrows(read('README.md'));
  const chosen = files.filter(
    (file) => !isOwn(file) && (wanted.length === 0 || wanted.some((w) => file.startsWith(w))),
  );
  const isReported = ({ file, problem }: Finding): boolean =>
    wanted.length > 0 ||
    !unfinished.some((folder) => file.startsWith(folder)) ||
    !/^the (?:phrase|name|file name) /.test(problem);
  return [
    ...chosen.filter(isSource).flatMap((file) => checkSource(file, packages, arrows)),
    ...chosen.filter((file) => file.endsWith('.md')).flatMap((file) => rules.checkPhrases(file, read(file))),
    ...checkCircles(files, packages),
    ...packages.flatMap(rules.checkExports),
    ...rules.checkImageContent(read('.dockerignore')),
  ].filter(isReported);
};

if (process.argv.includes('--help')) {
  console.log('Usage: node deploy/tools/tidy/main.ts [path …]\nExit: 0 all tidy, 1 something is not.');
} else {
  const findings = tidy(process.argv.slice(2));
  for (const { file, line, problem, say } of findings) console.log(`${file}:${line}: ${problem}: ${say}`);
  console.log(findings.length === 0 ? 'All tidy.' : `${findings.length} things to tidy.`);
  process.exitCode = findings.length === 0 ? 0 : 1;
}
