// docs/errors.md and docs/operations.md say what the code says.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { carryProblems } from './src/carry-messages.ts';
import { clearinghouseReasons } from './src/clearinghouse.ts';
import { eventNames, events } from './src/events.ts';
import { faultCodes, faults } from './src/faults.ts';
import { refusalCodes, refusals, retryOf } from './src/refusals.ts';
import { settingNames } from './src/settings.ts';

const pageOf = (name: string): string =>
  readFileSync(path.join(import.meta.dirname, '..', '..', 'docs', name), 'utf8');

/** The rows of the one table under a heading, cell by cell. */
const tableUnder = (heading: string, page = pageOf('errors.md')): string[][] => {
  const [, section = ''] = page.split(`## ${heading}\n`);
  const rows = (section.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
};

suite('docs/errors.md', () => {
  test('has every refusal, in order, with its meaning, whether to ask again, and what to do', () => {
    const expected = refusalCodes.map((code) => {
      const { again, afterSeconds } = retryOf(code);
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
    const expected = faultCodes.map((code) => [
      code,
      faults[code].says,
      faults[code].verdict === 'retry' ? 'retry' : 'give up',
    ]);
    assert.deepEqual(
      rows.map((row) => row.slice(0, 3)),
      expected,
    );
    for (const [code, , , todo] of rows) assert.ok((todo ?? '').length > 10, code);
  });

  for (const [heading, closed] of [
    ['What the Clearinghouse rejects', clearinghouseReasons],
    ['What is not carried', carryProblems],
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

test('docs/operations.md has every event, in order', () => {
  assert.deepEqual(
    tableUnder('Events', pageOf('operations.md')),
    eventNames.map((name) => [name, String(events[name].number ?? ''), events[name].says, events[name].todo]),
  );
});

test('docs/operations.md has every setting', () => {
  assert.deepEqual(
    tableUnder('Settings', pageOf('operations.md')).map(([name]) => name),
    settingNames.map((name) => `\`${name}\``),
  );
});
