// Socket input and PAM files are untrusted. No input may throw, hang, or be changed by accident.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { oneLine, readAnswer } from '../check.ts';
import { diff } from './diff.ts';
import { createLineSplitter } from './line-splitter.ts';
import { gateLine, hasGate, withGate, withoutGate } from './pam-file.ts';
import { DEBIAN } from './debian-pam-file.ts';
import { parseRequest } from './protocol.ts';
import { userOf } from './user-name.ts';

const COMMAND = ['/usr/bin/timeout', '4', '/usr/bin/node', '/opt/agent/main.js', 'check'];

describe('lines', () => {
  test('do not depend on how the bytes were split', () => {
    const cut = fc.array(fc.nat(7), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(fc.array(fc.string()), cut, (given, sizes) => {
        const wanted = given.map((l) => l.replaceAll('\n', ''));
        const bytes = new TextEncoder().encode(wanted.map((l) => `${l}\n`).join(''));
        const lines = createLineSplitter();
        const got: string[] = [];
        for (let from = 0, n = 0; from < bytes.length; n += 1) {
          const size = 1 + (sizes[n % sizes.length] ?? 0);
          const taken = lines.take(bytes.subarray(from, from + size));
          assert.equal(taken.tooLong, false);
          got.push(...taken.lines);
          from += size;
        }
        assert.deepEqual(
          got,
          wanted.map((l) => new TextDecoder().decode(new TextEncoder().encode(l))),
        );
      }),
    );
  });

  test('that are too long end the input, complete or not, and later bytes are ignored', () => {
    for (const tail of ['', '\n', '\nmore\n']) {
      const lines = createLineSplitter(10);
      assert.deepEqual(lines.take(Buffer.from('short\n')), { lines: ['short'], tooLong: false });
      assert.deepEqual(lines.take(Buffer.from(`${'x'.repeat(11)}${tail}`)), { lines: [], tooLong: true });
      assert.deepEqual(lines.take(Buffer.from('short\n')), { lines: [], tooLong: true });
    }
    const lines = createLineSplitter(10);
    assert.equal(lines.take(Buffer.from('x'.repeat(6))).tooLong, false);
    assert.equal(lines.take(Buffer.from('x'.repeat(6))).tooLong, true);
    assert.deepEqual(createLineSplitter(10).take(Buffer.from(`${'x'.repeat(10)}\n`)).lines, ['x'.repeat(10)]);
  });
});

describe('requests', () => {
  const hardwareId = '0'.repeat(40);
  test('are understood', () => {
    for (const r of [
      { do: 'status' },
      { do: 'status', id: 7 },
      { do: 'admit', user: { name: 'ann', domain: 'CORP', authenticatedBy: 'pam' } },
      { do: 'admit', id: 'a', device: { hardwareId, name: 'desk' }, presented: 'a.b.c' },
      { do: 'validated', licenseId: 'l1', hardwareId: hardwareId.replace('0', 'A') },
    ])
      assert.equal(parseRequest(JSON.stringify(r)).ok, true, JSON.stringify(r));
  });
  test('that are invalid are answered with the reason', () => {
    for (const r of [
      {},
      [],
      { do: 'admit', devices: 1 },
      { do: 'admit', device: { hardwareId: 'x', name: 'd' } },
      { do: 'admit', user: { name: 'a\u0007' } },
      { do: 'status', more: true },
      { do: 'validated' },
      { do: 'admit', user: { name: 'ann', admin: true } },
    ])
      assert.equal(parseRequest(JSON.stringify(r)).ok, false, JSON.stringify(r));
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (line) => void parseRequest(line)));
  });
  test('a user belongs to the named domain, or to the configured one', () => {
    assert.deepEqual(userOf({ name: 'ann' }, undefined), { name: 'ann' });
    assert.deepEqual(userOf({ name: 'ann' }, 'CORP'), { name: 'ann', domain: 'CORP' });
    assert.deepEqual(userOf({ name: String.raw`EX\ann` }, 'CORP'), { name: 'ann', domain: 'EX' });
    assert.deepEqual(userOf({ name: 'ann', domain: 'EX' }, 'CORP'), { name: 'ann', domain: 'EX' });
    assert.equal(userOf({ name: 'EX\\' }, undefined), undefined);
  });
});

describe('answers', () => {
  test('admit only if they say so', () => {
    const yes = JSON.stringify({ ok: true, admit: true, row: 'A1', graceDaysLeft: null });
    assert.deepEqual(readAnswer('ann', yes), { admit: true, says: 'ann is let in (A1).' });
    for (const a of [
      {},
      { ok: true },
      { ok: true, admit: 1 },
      { ok: false, admit: true },
      { admit: true },
      null,
    ])
      assert.equal(readAnswer('ann', JSON.stringify(a)).admit, false);
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (line) => !readAnswer('ann', line).admit));
  });
  test('become one line', () => {
    fc.assert(fc.property(fc.string(), (s) => !/[\n\r]/.test(oneLine(s)) && oneLine(s).length <= 500));
  });
});

describe('a PAM file', () => {
  test("Debian's file gets the line before all account lines", () => {
    const changed = withGate(DEBIAN, COMMAND);
    assert.ok(changed.ok);
    assert.equal(
      diff(DEBIAN, changed.text),
      [
        ' auth required pam_env.so readenv=1 envfile=/etc/default/locale',
        ' @include common-auth',
        '+# calbus: who logs on needs a license',
        `+${gateLine(COMMAND)}`,
        ' @include common-account',
        ' @include common-session',
        '  …',
      ].join('\n'),
    );
  });
  test('gets the line once, loses it completely, and keeps all other lines', () => {
    const line = fc.constantFrom(
      'account required pam_unix.so',
      '-account optional pam_x.so',
      '@include common-account',
      'auth required pam_unix.so',
      'session optional pam_exec.so /x',
      '# calbus is near',
      '',
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const text = lines.join('\n');
        const once = withGate(text, COMMAND);
        if (!once.ok) {
          assert.ok(!lines.some((l) => /account/.test(l)));
          return;
        }
        assert.ok(hasGate(once.text));
        assert.deepEqual(withGate(once.text, COMMAND), once);
        assert.equal(withoutGate(once.text), text);
        const other = withGate(once.text, ['/other']);
        assert.ok(other.ok);
        assert.equal(other.text, once.text.replace(gateLine(COMMAND), gateLine(['/other'])));
      }),
    );
  });
  test('without the line, but with its comment, loses only the comment', () => {
    const changed = withGate(DEBIAN, COMMAND);
    assert.ok(changed.ok);
    assert.equal(withoutGate(changed.text.replace(`${gateLine(COMMAND)}\n`, '')), DEBIAN);
  });
  test('brackets enclose a path with a space', () => {
    assert.match(gateLine(['/opt/my node/node', 'check']), / \[\/opt\/my node\/node\] check$/);
  });
});
