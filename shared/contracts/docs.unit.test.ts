// docs/errors.md and docs/operations/reference say what the code says.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { offlineProblems } from './src/offline-exchange-messages.ts';
import { clearinghouseReasons } from './src/clearinghouse.ts';
import { exchanges } from './src/catalogue.ts';
import { eventNames, events } from './src/events.ts';
import { faultCodes, faults, reservedFaultCodes } from './src/faults.ts';
import { refusalCodes, refusals, retryAdvice } from './src/refusals.ts';
import { identities } from './src/identities.ts';
import { inventoryQueries } from './src/inventory-interface.ts';
import { liaisonQueries } from './src/liaison-interface.ts';
import { settingNames } from './src/settings.ts';
import { subjects } from './src/subjects.ts';

const pageOf = (name: string): string =>
  readFileSync(path.join(import.meta.dirname, '..', '..', 'docs', name), 'utf8');

const repository = path.join(import.meta.dirname, '..', '..');

/** The rows of the only table in a text, cell by cell. */
const tableOf = (text: string): string[][] => {
  const rows = text.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
};

/** The table under a heading of docs/errors.md. */
const tableUnder = (heading: string): string[][] => {
  const [, section = ''] = pageOf('errors.md').split(`## ${heading}\n`);
  return tableOf(section.split('\n## ')[0] ?? '');
};

suite('docs/errors.md', () => {
  test('has every refusal, in order, with its meaning, whether to ask again, and what to do', () => {
    const expected = refusalCodes.map((code) => {
      const { again, afterSeconds } = retryAdvice(code);
      const when = {
        never: 'never',
        'after-change': 'after a change',
        later: afterSeconds === undefined ? 'later' : `later, after ${afterSeconds} s`,
      };
      return [code, refusals[code].says, when[again], refusals[code].todo];
    });
    assert.deepEqual(tableUnder('Refusals'), expected);
  });

  test('has every fault, in order, with its meaning, its verdict, and something to do', () => {
    const rows = tableUnder('Faults');
    const reserved: ReadonlySet<string> = new Set(reservedFaultCodes);
    const emitted = faultCodes.filter((code) => !reserved.has(code));
    const expected = emitted.map((code) => [
      code,
      faults[code].says,
      faults[code].verdict === 'retry' ? 'retry' : 'give up',
    ]);
    assert.deepEqual(
      rows.map((row) => row.slice(0, 3)),
      expected,
    );
    for (const [code, , , todo] of rows) assert.ok((todo ?? '').length > 10, code);
    const line = `Reserved: ${reservedFaultCodes.map((code) => `\`${code}\``).join(' and ')}.`;
    assert.ok(pageOf('errors.md').includes(line), line);
  });

  for (const [heading, closed] of [
    ['What the Clearinghouse rejects', clearinghouseReasons],
    ['What is not carried', offlineProblems],
  ] as const)
    test(`has every reason under "${heading}", in order, with its meaning and something to do`, () => {
      const rows = tableUnder(heading);
      assert.deepEqual(
        rows.map((row) => row.slice(0, 2)),
        Object.entries(closed),
      );
      for (const [code, , todo] of rows) assert.ok((todo ?? '').length > 10, code);
    });
});

test('docs/operations/reference/events.md has every event, in order', () => {
  assert.deepEqual(
    tableOf(pageOf('operations/reference/events.md')),
    eventNames.map((name) => [name, String(events[name].number ?? ''), events[name].says, events[name].todo]),
  );
});

test('docs/operations/reference/settings.md has every setting', () => {
  assert.deepEqual(
    tableOf(pageOf('operations/reference/settings.md')).map(([name]) => name),
    settingNames.map((name) => `\`${name}\``),
  );
});

suite('the catalogue, of which docs/contracts.md has the table', () => {
  const rows = exchanges.map((e) => e.subject);

  test('has every question that is asked or answered anywhere', () => {
    const asked = new Set<string>();
    for (const [role, queries] of Object.entries(inventoryQueries))
      for (const name of Object.keys(queries)) asked.add(subjects.inventory.query(role, name));
    for (const [role, queries] of Object.entries(liaisonQueries))
      for (const name of Object.keys(queries)) asked.add(subjects.liaison.query(role, name));
    for (const file of globSync('{services,shared}/*/src/**/*.ts', { cwd: repository })) {
      if (file.startsWith('shared/contracts/')) continue;
      const source = readFileSync(path.join(repository, file), 'utf8');
      for (const [, of, role = '', name = ''] of source.matchAll(
        /subjects\.(inventory|liaison)\.query\(\s*'([^']+)',\s*'([^'*]+)',?\s*\)/g,
      ))
        asked.add(subjects[of === 'inventory' ? 'inventory' : 'liaison'].query(role, name));
      if (!file.endsWith('operator-client/src/queries.ts')) continue;
      for (const [, of, name = ''] of source.matchAll(/\b(inventory|liaison)\('([^']+)'\)/g))
        asked.add(subjects[of === 'inventory' ? 'inventory' : 'liaison'].query('operator', name));
    }
    assert.ok(asked.size > 10);
    assert.deepEqual(
      [...asked].filter((subject) => !rows.includes(subject)),
      [],
    );
  });

  test('has a question for everybody who may ask some', () => {
    const granted = Object.values(identities)
      .flatMap((i) => [...i.publish])
      .filter((subject) => /\.query\..*\*$/.test(subject));
    assert.ok(granted.length > 4);
    for (const subject of granted)
      assert.ok(
        rows.some((row) => row.startsWith(subject.slice(0, -1))),
        subject,
      );
  });
});
