// Every relative link in a page leads to a file, and every anchor to a heading of it.

import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';

const repository = path.join(import.meta.dirname, '..', '..');
const isVendored = (name: string): boolean => name.includes('node_modules') || name.includes('.calbus');
const pages = globSync('**/*.md', { cwd: repository, exclude: isVendored }).toSorted();

const withoutCode = (text: string): string =>
  text.replaceAll(/```[^]*?```/g, '').replaceAll(/`[^`\n]*`/g, '');

/** The targets of the links `[text](target)` of a page, without those to other sites. */
const linksOf = (page: string): string[] =>
  [...withoutCode(readFileSync(path.join(repository, page), 'utf8')).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target));

/** The anchors that GitHub makes of the headings of a page. */
const anchorsOf = (file: string): string[] =>
  [
    ...readFileSync(file, 'utf8')
      .replaceAll(/```[^]*?```/g, '')
      .matchAll(/^#{1,6} (.*)$/gm),
  ].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );

/** Why the link leads nowhere, or undefined. */
const problemOf = (page: string, link: string): string | undefined => {
  const [target = '', anchor] = link.split('#');
  const file =
    target === '' ? path.join(repository, page) : path.join(repository, path.dirname(page), target);
  if (!existsSync(file)) return `${page}: ${link} is no file`;
  if (anchor === undefined || statSync(file).isDirectory()) return undefined;
  return anchorsOf(file).includes(anchor) ? undefined : `${page}: ${link} is no heading`;
};

suite('the links of the pages', () => {
  for (const page of pages)
    test(page, () => {
      assert.deepEqual(
        linksOf(page).flatMap((link) => problemOf(page, link) ?? []),
        [],
      );
    });
});
