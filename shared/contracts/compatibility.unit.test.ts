import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { z } from 'zod';
import { breaks } from './compatibility.ts';
import { readersOf } from './src/catalogue.ts';
import { described, fileName, jsonSchema, type JsonSchema } from './json-schemas.ts';

const released = path.join(import.meta.dirname, 'schemas', 'released');
const now = new Map(described.map((d) => [fileName(d), jsonSchema(d)]));
const read = (file: string): JsonSchema => {
  const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'));
  assert.ok(typeof parsed === 'object' && parsed !== null);
  return parsed as JsonSchema;
};

const typeOf = (name: string): string => name.replace(/\.v\d+\.json$/, '');
/** Which field, and whom it breaks. */
const broken = (name: string, version: string, found: readonly string[]): string => {
  const readers = readersOf(typeOf(name)).join(', ');
  return `${name} breaks ${readers} of version ${version}, who read it: ${found.join(' ')}`;
};

suite('what was released still holds', () => {
  assert.ok(existsSync(released));
  for (const version of readdirSync(released)) {
    for (const name of readdirSync(path.join(released, version))) {
      test(`${name} of ${version}`, () => {
        const current = now.get(name);
        assert.ok(current, `${name} was released with ${version} and is gone.`);
        const found = breaks(read(path.join(released, version, name)), current);
        assert.deepEqual(found, [], broken(name, version, found));
      });
    }
  }
});

suite('a change that breaks is named', () => {
  test('with who reads it', () => {
    assert.equal(
      broken('license.request.v1.json', '0.1.0', ['body.device.name: was removed.']),
      'license.request.v1.json breaks issuer of version 0.1.0, who read it: body.device.name: was removed.',
    );
    assert.deepEqual(readersOf('service.fault'), [
      'clearinghouse-liaison',
      'inventory',
      'issuer',
      'operator',
    ]);
    for (const d of described) assert.notDeepEqual(readersOf(d.type), [], d.type);
  });
  const schema = (s: z.ZodType): JsonSchema => z.toJSONSchema(s, { io: 'input' });
  const before = z.object({
    id: z.string().max(10),
    count: z.int().min(0),
    mode: z.enum(['a', 'b']),
    note: z.string().optional(),
    pack: z.string().nullable(),
    inner: z.object({ items: z.array(z.object({ name: z.string() })) }),
    outcome: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('yes'), at: z.int() }),
      z.object({ kind: z.literal('no'), why: z.string() }),
    ]),
  });
  const { shape } = before;
  const cases: [string, z.ZodType, string[]][] = [
    ['nothing', before, []],
    ['an optional field added', before.extend({ more: z.string().optional() }), []],
    ['a value added to a list', before.extend({ mode: z.enum(['a', 'b', 'c']) }), []],
    ['a longer string', before.extend({ id: z.string().max(20) }), []],
    ['made nullable', before.extend({ count: z.int().min(0).nullable() }), []],
    ['a field removed', before.omit({ note: true }), ['note: was removed.']],
    ['a required field added', before.extend({ more: z.string() }), ['more: is newly required.']],
    ['an optional field made required', before.extend({ note: z.string() }), ['note: is newly required.']],
    [
      'a required field made optional',
      before.extend({ count: shape.count.optional() }),
      ['count: may now be left out, which released readers refuse.'],
    ],
    ['another type', before.extend({ count: z.string() }), ['count: was integer and is now string.']],
    ['a value taken away', before.extend({ mode: z.enum(['a']) }), ['mode: no longer takes "b".']],
    ['a string made a list', before.extend({ id: z.enum(['x']) }), ['id: no longer takes "any value".']],
    ['a shorter string', before.extend({ id: z.string().max(5) }), ['id: maxLength was 10 and is now 5.']],
    [
      'a pattern added',
      before.extend({ id: z.string().max(10).regex(/^a/) }),
      ['id: its pattern was not set and is now ^a.'],
    ],
    ['no longer nullable', before.extend({ pack: z.string() }), ['pack: was null and is now string.']],
    [
      'deep within',
      before.extend({ inner: z.object({ items: z.array(z.object({ name: z.string().min(1) })) }) }),
      ['inner.items[].name: minLength was not set and is now 1.'],
    ],
    [
      'a field of one kind of a union',
      before.extend({
        outcome: z.discriminatedUnion('kind', [
          z.object({ kind: z.literal('yes'), at: z.int(), by: z.string() }),
          z.object({ kind: z.literal('no'), why: z.string() }),
        ]),
      }),
      ['outcome.by: is newly required.'],
    ],
    [
      'a kind of a union taken away',
      before.extend({
        outcome: z.discriminatedUnion('kind', [
          z.object({ kind: z.literal('yes'), at: z.int() }),
          z.object({ kind: z.literal('later'), at: z.int() }),
        ]),
      }),
      ['outcome: no longer takes kind "no".'],
    ],
  ];
  for (const [what, after, expected] of cases) {
    test(what, () => assert.deepEqual(breaks(schema(before), schema(after)), expected));
  }
});
