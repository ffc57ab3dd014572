// Each rule has a scenario, and docs/testing/scenarios.md lists which scenarios run where.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { operatorRows, rows, terminalServerRows } from '@calbus/contracts/rows';
import { repositoryRoot } from '@calbus/local/repository';
import { groups } from './scenarios/index.ts';

const pageOf = (file: string): string => readFileSync(path.join(repositoryRoot, file), 'utf8');
const issuance = pageOf('docs/issuance.md');
const id = '[A-Z][0-9]{1,2}n?';
/** The first cells of the tables, and the rules in bold: `**D15** happens without any request`. */
const named = [
  ...issuance.matchAll(new RegExp(`^\\| (${id}) `, 'gm')),
  ...issuance.matchAll(new RegExp(`\\*\\*(${id})\\*\\*`, 'g')),
].flatMap((m) => m[1] ?? []);
const known: readonly string[] = [...rows, ...operatorRows, ...terminalServerRows];
const rules = [...new Set<string>([...named, ...known])].toSorted();
const scenarios = Object.values(groups).flat();
const told = scenarios.map((s) => s.rule);

test('the page names all rows that a decision can name', () => {
  assert.deepEqual(
    known.filter((rule) => !named.includes(rule)),
    [],
  );
});

test('each rule has one scenario', () => {
  assert.deepEqual(
    rules.filter((rule) => !told.includes(rule)),
    [],
    'these have no scenario in tests/rules/scenarios',
  );
  assert.equal(new Set(told).size, told.length, 'a rule has two scenarios');
});

test('each scenario that has the name of a rule is of a rule that the page names', () => {
  assert.deepEqual(
    told.filter((rule) => new RegExp(`^${id}$`).test(rule) && !rules.includes(rule)),
    [],
  );
});

test('docs/testing/scenarios.md lists the scenarios and the wires that they prove', () => {
  const page = pageOf('docs/testing/scenarios.md');
  const listed = [...page.matchAll(/^\| `([A-Za-z0-9-]+)` +\| (.+?) +\| (.*?) *\|$/gm)].map((m) =>
    m.slice(1),
  );
  const wanted = Object.entries(groups).flatMap(([group, all]) =>
    all.map((s) => [s.rule, group, s.setup.wire ?? '']),
  );
  const lines = wanted.map(([rule, group, wire]) => `| \`${rule}\` | ${group} | ${wire} |`).join('\n');
  assert.deepEqual(listed, wanted, `the table must be:\n${lines}`);
});
