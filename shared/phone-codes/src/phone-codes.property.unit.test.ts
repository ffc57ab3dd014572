// Whatever is said wrong once is found, and named; whatever else is typed is refused without a throw.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bitReader, bitWriter } from './phone-code-bits.ts';
import { decodeGroups, splitGroups, PHONE_CODE_LETTERS, encodeGroups } from './phone-code-groups.ts';

const seed = Number(process.env['CALBUS_SEED'] ?? Date.now() % 2 ** 31);
process.stdout.write(`CALBUS_SEED=${seed}\n`);
const check = (property: fc.IProperty<[number[]]>, numRuns: number): void =>
  fc.assert(property, { seed, numRuns });
const message = (bits: readonly number[]): readonly string[] => {
  const groups = encodeGroups('answer', bits);
  assert.ok(groups);
  return groups;
};
const anyBits = (max: number) =>
  fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: max, size: 'max' });
const put = (groups: readonly string[], i: number, group: string): readonly string[] =>
  groups.map((g, k) => (k === i ? group : g));
const swap = (groups: readonly string[], i: number, j: number): readonly string[] =>
  put(put(groups, i, groups[j] ?? ''), j, groups[i] ?? '');
const named = (groups: readonly string[]): number[] => {
  const heard = decodeGroups('answer', groups);
  return heard.ok ? assert.fail(`not found: ${groups.join(' ')}`) : heard.wrong.map((w) => w.group);
};

test('what was said is heard, whatever it was, with line numbers and in lower case', () => {
  check(
    fc.property(anyBits(4_000), (bits) => {
      const groups = message(bits);
      const typed = groups.map((g, i) => (i % 6 === 0 ? `\n ${i + 1}: ${g}` : g)).join(' ');
      const heard = decodeGroups('answer', splitGroups(typed.toLowerCase()));
      assert.ok(heard.ok);
      assert.deepEqual(heard.bits.slice(0, bits.length), bits);
      assert.ok(heard.bits.length - bits.length < 20);
    }),
    200,
  );
});

test('every wrong letter is found in its group', () => {
  check(
    fc.property(anyBits(200), (bits) => {
      const groups = message(bits);
      for (const [i, group] of groups.entries())
        for (let k = 0; k < 5; k += 1)
          for (const letter of PHONE_CODE_LETTERS) {
            if (letter === group[k]) continue;
            assert.deepEqual(named(put(groups, i, group.slice(0, k) + letter + group.slice(k + 1))), [i + 1]);
          }
    }),
    5,
  );
});

test('every two letters of a group, and every two neighbours, that change places are found', () => {
  check(
    fc.property(anyBits(1_000), (bits) => {
      const text = message(bits).join('');
      for (let a = 0; a < text.length; a += 1)
        for (
          let b = a + 1;
          b < text.length && (b === a + 1 || Math.floor(a / 5) === Math.floor(b / 5));
          b += 1
        ) {
          if (text[a] === text[b]) continue;
          const letters = Array.from(text);
          [letters[a], letters[b]] = [text[b] ?? '', text[a] ?? ''];
          const wrong = named(splitGroups(letters.join('')));
          assert.ok(wrong.includes(Math.floor(a / 5) + 1));
        }
    }),
    20,
  );
});

test('every two groups that change places are found and named, however far apart', () => {
  check(
    fc.property(anyBits(2_000), (bits) => {
      const groups = message(bits);
      for (let i = 0; i < groups.length; i += 1)
        for (let j = i + 1; j < groups.length; j += 1)
          if (groups[i] !== groups[j]) assert.deepEqual(named(swap(groups, i, j)), [i + 1, j + 1]);
    }),
    4,
  );
});

test('a group that is missing, or said twice, is found and named', () => {
  check(
    fc.property(anyBits(2_000), (bits) => {
      const groups = message(bits);
      for (const i of groups.keys()) {
        const missing = named(groups.toSpliced(i, 1));
        assert.deepEqual(missing, [i === groups.length - 1 ? 0 : i + 1]);
        assert.ok(named(groups.toSpliced(i, 0, groups[i] ?? '')).length > 0);
      }
    }),
    10,
  );
});

test('anything else that is typed is refused, and nothing throws', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 400, unit: 'binary' }), (text) => {
      const heard = decodeGroups('request', splitGroups(text));
      assert.ok(!heard.ok && heard.wrong.length > 0);
    }),
    { seed, numRuns: 1_000 },
  );
});

test('the groups of another kind of message are refused', () => {
  const heard = decodeGroups('request', message([1, 0, 1]));
  assert.ok(!heard.ok);
  assert.match(heard.wrong[0]?.says ?? '', /those of the answer/);
});

test('texts, instants and numbers come out as they went in', () => {
  fc.assert(
    fc.property(
      fc.string({ maxLength: 300, unit: 'grapheme' }),
      fc.nat({ max: 8_640_000_000_000_000 }),
      fc.stringMatching(/^[0-9]{0,20}$/),
      (text, n, digits) => {
        const w = bitWriter();
        w.text(text);
        w.count(n);
        w.instant(n);
        w.text(digits);
        const r = bitReader(w.bits());
        assert.deepEqual([r.text(), r.count(), r.instant(), r.text(), r.ended()], [text, n, n, digits, true]);
      },
    ),
    { seed, numRuns: 500 },
  );
});
