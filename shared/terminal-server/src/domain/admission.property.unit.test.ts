// The table at the terminal server, over every combination of its inputs.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { refusalCodes } from '@calbus/contracts/refusals';
import { terminalServerRows } from '@calbus/contracts/rows';
import {
  afterAsking,
  beforeAsking,
  refusalOf,
  rowAfterAsking,
  rowBeforeAsking,
  type ServerAnswer,
  type Situation,
} from './admission.ts';
import type { PresentedLicense } from './presented-license.ts';

const both = [true, false] as const;
const presentedAll: readonly (PresentedLicense | null)[] = [
  null,
  ...(['temporary', 'full'] as const).flatMap((kind) =>
    both.flatMap((serves) =>
      (['nothing', 'within-the-lead', 'more-than-the-lead'] as const).map((left) => ({ kind, serves, left })),
    ),
  ),
];
const situations: readonly Situation[] = (
  ['per-device', 'per-user', 'remote-administration', 'not-configured'] as const
).flatMap((mode) =>
  both.flatMap((inGrace) =>
    presentedAll.flatMap((presented) =>
      both.flatMap((userAuthenticated) =>
        (['admit', 'refuse'] as const).map((perUserWhenUnreachable) => ({
          mode,
          inGrace,
          presented,
          userAuthenticated,
          perUserWhenUnreachable,
        })),
      ),
    ),
  ),
);
const answers: readonly ServerAnswer[] = [
  { kind: 'granted' },
  { kind: 'unreachable' },
  ...refusalCodes.map((code) => ({ kind: 'refused', code }) as const),
];
const asked = situations.filter((s) => rowBeforeAsking(s) === undefined);
const everyAnswer = asked.flatMap((s) => answers.map((answer) => ({ ...s, answer })));
const inDate = (p: PresentedLicense | null): boolean => p?.serves === true && p.left !== 'nothing';

describe('the table at the terminal server', () => {
  test('has its rows in their order', () => {
    const ids = [...beforeAsking, ...afterAsking].map((r) => r.id);
    assert.deepEqual([...new Set(ids)], [...terminalServerRows]);
  });

  test('has no gap: a row decides every combination', () => {
    for (const s of everyAnswer) assert.ok(rowAfterAsking(s));
    assert.equal(everyAnswer.length, asked.length * answers.length);
  });

  test('has no dead row: each row is the first match of a combination', () => {
    const first = new Set<unknown>([...situations.map(rowBeforeAsking), ...everyAnswer.map(rowAfterAsking)]);
    for (const row of [...beforeAsking, ...afterAsking]) assert.ok(first.has(row), `${row.id} ${row.act}`);
  });

  test('asks the license server exactly if a mode is configured and no full license is valid beyond the renewal lead', () => {
    for (const s of situations) {
      const modeAsks = s.mode === 'per-device' || s.mode === 'per-user';
      const p = s.presented;
      const good = p?.kind === 'full' && p.serves && p.left === 'more-than-the-lead';
      assert.equal(asked.includes(s), modeAsks && !good);
    }
  });

  test('never refuses in grace, and never on a grant', () => {
    for (const s of everyAnswer)
      if (s.inGrace || s.answer.kind === 'granted') assert.equal(rowAfterAsking(s).act, 'admit');
    for (const s of situations) if (s.inGrace) assert.notEqual(rowBeforeAsking(s)?.act, 'refuse');
  });

  test('after a refusal and without grace, admits only on a valid license and only for lack of storage or quota', () => {
    for (const s of everyAnswer) {
      if (s.inGrace || s.answer.kind !== 'refused') continue;
      const notNow = s.answer.code === 'QUOTA' || s.answer.code === 'STORAGE_NEARLY_FULL';
      assert.equal(rowAfterAsking(s).act === 'admit', notNow && inDate(s.presented));
    }
  });

  test('while the license server is unreachable and without grace, admits only on a valid license or by the setting', () => {
    for (const s of everyAnswer) {
      if (s.inGrace || s.answer.kind !== 'unreachable') continue;
      const bySetting = s.mode === 'per-user' && s.userAuthenticated && s.perUserWhenUnreachable === 'admit';
      assert.equal(rowAfterAsking(s).act === 'admit', bySetting || inDate(s.presented));
    }
  });

  test('refuses with the code of the license server, or that it is unreachable, or that no mode is configured', () => {
    assert.equal(refusalOf('G0', undefined), 'MODE_NOT_CONFIGURED');
    assert.equal(refusalOf('D12', { kind: 'refused', code: 'QUOTA' }), 'QUOTA');
    assert.equal(refusalOf('D12', { kind: 'unreachable' }), 'LICENSE_SERVER_UNREACHABLE');
    assert.equal(refusalOf('U8', { kind: 'unreachable' }), 'LICENSE_SERVER_UNREACHABLE');
  });
});

test('docs/issuance.md shows the table at the terminal server as it is in the code', () => {
  const page = readFileSync(new URL('../../../../docs/issuance.md', import.meta.url), 'utf8');
  const section = page.split('## At the terminal server\n')[1]?.split('\n## ')[0] ?? '';
  const shown = section
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (row|---)/.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  assert.deepEqual(
    shown,
    [...beforeAsking, ...afterAsking].map((r) => [r.id, r.act, r.says]),
  );
});
