// The index of the decisions and the pages say the same.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';

const folder = path.join(import.meta.dirname, '..', '..', 'docs', 'decisions');
const pages = globSync('[0-9]*.md', { cwd: folder }).toSorted();
const textOf = (page: string): string => readFileSync(path.join(folder, page), 'utf8');

const HEAD = /^# (?<title>.+)\n\n- Date: (?<date>\d{4}-\d{2}-\d{2})\n- Status: (?<status>.+)\n\n/;
const STATUS = /^(accepted|superseded by \d{4})$/;

const indexRows = (): string[][] =>
  textOf('README.md')
    .split('\n')
    .filter((line) => line.startsWith('| ['))
    .map((row) =>
      row
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );

suite('the decisions', () => {
  for (const page of pages)
    test(`${page} has a title, a date and a status`, () => {
      const { status = '' } = HEAD.exec(textOf(page))?.groups ?? {};
      assert.match(status, STATUS);
      const [, successor] = /^superseded by (\d{4})$/.exec(status) ?? [];
      if (successor !== undefined)
        assert.ok(
          pages.some((p) => p.startsWith(successor)),
          successor,
        );
    });

  test('no two have one number', () => {
    assert.equal(new Set(pages.map((page) => page.slice(0, 4))).size, pages.length);
  });

  test('the index has each of them, in order, with its date, status and title', () => {
    const expected = pages.map((page) => {
      const { date = '', status = '', title = '' } = HEAD.exec(textOf(page))?.groups ?? {};
      return [`[${page.slice(0, 4)}](${page})`, date, status, title];
    });
    assert.ok(expected.length > 30);
    assert.deepEqual(indexRows(), expected);
  });
});
