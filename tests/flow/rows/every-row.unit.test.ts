// Every rule that docs/issuance.md or a decision names has a story here, and every story is of such a rule.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { rows } from '@calbus/contracts/rows';
import { repositoryRoot } from '@calbus/local/repository';

const page = readFileSync(path.join(repositoryRoot, 'docs/issuance.md'), 'utf8');
const id = '[A-Z][0-9]{1,2}n?';
/** The first cells of the tables, and what stands in bold: `**D15** happens without any request`. */
const named = [
  ...page.matchAll(new RegExp(`^\\| (${id}) `, 'gm')),
  ...page.matchAll(new RegExp(`\\*\\*(${id})\\*\\*`, 'g')),
].flatMap((m) => m[1] ?? []);
const rules = [...new Set<string>([...named, ...rows])].toSorted();
const stories = globSync('*.flow.test.ts', { cwd: import.meta.dirname }).map(
  (file) => file.split('.')[0] ?? '',
);

test('the page names all rows that a decision can name', () => {
  assert.deepEqual(
    rows.filter((r) => !named.includes(r)),
    [],
  );
});

test('each rule has a file with its name, and says the rule', () => {
  assert.deepEqual(
    rules.filter((r) => !stories.includes(r)),
    [],
    'these have no story in tests/flow/rows',
  );
  for (const rule of rules) {
    const story = readFileSync(path.join(import.meta.dirname, `${rule}.flow.test.ts`), 'utf8');
    assert.match(
      story,
      new RegExp(`^row\\(\\s*'${rule}',`, 'm'),
      `${rule}.flow.test.ts tells of another rule`,
    );
  }
});

test('each file that has the form of a rule is of one that the page names', () => {
  assert.deepEqual(
    stories.filter((s) => new RegExp(`^${id}$`).test(s) && !rules.includes(s)),
    [],
  );
});
