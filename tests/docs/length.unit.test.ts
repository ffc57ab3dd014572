// A page of docs/ is read in five minutes. A page that is mostly a table is looked up, and may be longer.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const docs = path.join(import.meta.dirname, '..', '..', 'docs');
const MAX_WORDS = 1_400;
const MAX_COLUMNS = 120;

const lines = (page: string): string[] => {
  const text = readFileSync(path.join(docs, page), 'utf8').replaceAll(/```[^]*?```/g, '');
  return text.split('\n').filter((line) => !line.trim().startsWith('|'));
};

const pages = globSync('**/*.md', { cwd: docs }).toSorted();

test('each page has at most 1,400 words besides its tables and code', () => {
  const words = (page: string): number => lines(page).join(' ').split(/\s+/).length;
  assert.ok(pages.length > 60);
  assert.deepEqual(
    pages.filter((page) => words(page) > MAX_WORDS),
    [],
  );
});

test('each line of prose has at most 120 columns', () => {
  // A word without spaces, such as a link, cannot be wrapped.
  const tooLong = (line: string): boolean => line.length > MAX_COLUMNS && line.trim().includes(' ', 80);
  assert.deepEqual(
    pages.flatMap((page) =>
      lines(page)
        .filter(tooLong)
        .map((line) => `${page}: ${line}`),
    ),
    [],
  );
});
