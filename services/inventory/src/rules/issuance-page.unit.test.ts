import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { perDevice } from './per-device-table.ts';
import { perUser } from './per-user-table.ts';

const page = readFileSync(new URL('../../../../docs/issuance.md', import.meta.url), 'utf8');
const rowsUnder = (heading: string): string[][] => {
  const section = page.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (row|---)/.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
};

test('docs/issuance.md shows the Per Device table as it is in the code', () => {
  // N3 is the issuer's: it is asked before the table.
  const shown = rowsUnder('Per Device').filter(([id]) => id !== 'N3');
  assert.deepEqual(
    shown,
    perDevice.map((r) => [r.id, r.act, r.says]),
  );
});

test('docs/issuance.md shows the Per User table as it is in the code', () => {
  assert.deepEqual(
    rowsUnder('Per User'),
    perUser.map((r) => [r.id, r.does.act, r.says]),
  );
});
