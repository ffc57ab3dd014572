import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { Parser } from '@asyncapi/parser';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { asyncapi } from './asyncapi.ts';
import { described, fileName, jsonSchema } from './json-schemas.ts';
import { contracts, exchanges } from './src/catalogue.ts';
import { decode, encode, type Contract, type Message } from './src/envelope.ts';
import { faultCodes } from './src/faults.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
const recordings = path.join(import.meta.dirname, 'recordings');
const bytesOf = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const recordingOf = (c: Contract): Json =>
  JSON.parse(readFileSync(path.join(recordings, fileName(c)), 'utf8')) as Json;
const ajv = new Ajv2020({ strict: false });
const valid = new Map(described.map((d) => [fileName(d), ajv.compile(jsonSchema(d))]));

const open = <C extends Contract>(c: C, value: unknown): Message<C> => {
  const decoded = decode([c], bytesOf(value));
  assert.ok(decoded.ok, decoded.ok ? '' : `${decoded.fault.code} ${decoded.fault.detail}`);
  return decoded.message;
};
const faultOf = (c: Contract, value: unknown): string => {
  const decoded = decode([c], bytesOf(value));
  return decoded.ok ? 'taken' : decoded.fault.code;
};

/** Every object within a value, each with how to get a copy of the whole in which it is changed. */
const objectsIn = (
  value: Json,
  rebuild: (v: Json) => Json = (v) => v,
): { object: { [key: string]: Json }; withIt: (v: { [key: string]: Json }) => Json }[] => {
  if (Array.isArray(value)) {
    return value.flatMap((item, i) => objectsIn(item, (v) => rebuild(value.with(i, v))));
  }
  if (typeof value !== 'object' || value === null) return [];
  return [
    { object: value, withIt: rebuild },
    ...Object.entries(value).flatMap(([k, item]) => objectsIn(item, (v) => rebuild({ ...value, [k]: v }))),
  ];
};

test('every message is in the catalogue', async () => {
  const folder = path.join(import.meta.dirname, 'src');
  const modules = readdirSync(folder).map(
    (file) => import(path.join(folder, file)) as Promise<Readonly<Record<string, unknown>>>,
  );
  const exported = (await Promise.all(modules)).flatMap((m) => Object.values(m));
  const all = exported.filter(
    (x): x is Contract => typeof x === 'object' && x !== null && 'maxBytes' in x && 'about' in x,
  );
  assert.ok(all.length > 25);
  assert.deepEqual(
    all.filter((c) => !contracts.includes(c)).map((c) => c.type),
    [],
  );
  assert.equal(new Set(contracts.map(fileName)).size, contracts.length);
  assert.equal(new Set(exchanges.map((e) => e.id)).size, exchanges.length);
});

test('the AsyncAPI document is valid, and its channels are those of the catalogue', async () => {
  const { document, diagnostics } = await new Parser().parse(JSON.stringify(asyncapi('0.1.0')));
  const errors = diagnostics.filter((d) => d.severity === 0).map((d) => `${d.path.join('.')}: ${d.message}`);
  assert.deepEqual(errors, []);
  const addresses =
    document
      ?.channels()
      .all()
      .map((c) => c.address()) ?? [];
  for (const { subject } of exchanges) assert.ok(addresses.includes(subject), subject);
});

test('the AsyncAPI validation can fail', async () => {
  const { diagnostics } = await new Parser().parse(JSON.stringify({ ...asyncapi('0.1.0'), channels: 7 }));
  assert.ok(diagnostics.some((d) => d.severity === 0));
});

test('there is one recording for each message, and none without', () => {
  const names = readdirSync(recordings).toSorted();
  const needed = contracts.map(fileName);
  assert.deepEqual(
    needed.filter((n) => !names.includes(n)),
    [],
  );
  assert.deepEqual(
    names.filter((n) => !needed.includes(n)),
    [],
  );
});

for (const c of contracts) {
  suite(`${c.type}, version ${c.version}`, () => {
    const recording = recordingOf(c);
    assert.ok(typeof recording === 'object' && recording !== null && !Array.isArray(recording));
    const isValid = valid.get(fileName(c));

    test('its recording decodes, encodes back equal, and fits its JSON Schema', () => {
      const m = open(c, recording);
      const { id, sentAt, correlationId, causationId } = m;
      const again = encode(c, { id, sentAt, correlationId, causationId }, m.body);
      assert.deepEqual(JSON.parse(new TextDecoder().decode(again)), recording);
      assert.equal(isValid?.(recording), true, JSON.stringify(isValid?.errors));
    });

    test('unknown fields are ignored, at every depth', () => {
      for (const { object, withIt } of objectsIn(recording)) {
        const withMore = withIt({ ...object, notYetInvented: { deep: [1] } });
        assert.deepEqual(open(c, withMore), open(c, recording));
        assert.equal(isValid?.(withMore), true);
      }
    });

    test('each missing required field is refused', () => {
      for (const { object, withIt } of objectsIn(recording)) {
        for (const key of Object.keys(object)) {
          const { [key]: _gone, ...rest } = object;
          const without = withIt(rest);
          const isHeader = object === recording && key !== 'body';
          const verdict = faultOf(c, without);
          if (isHeader) assert.equal(verdict, 'NOT_AN_ENVELOPE', key);
          // The schema that others are given and the decoder agree on what may be left out.
          else assert.equal(verdict, isValid?.(without) ? 'taken' : 'INVALID_BODY', key);
        }
      }
      const { body: _gone, ...headOnly } = recording;
      assert.equal(faultOf(c, headOnly), 'INVALID_BODY');
    });

    test('a body of another type is refused', () => {
      for (const body of [null, 7, 'text', [], true]) {
        assert.equal(faultOf(c, { ...recording, body }), 'INVALID_BODY');
      }
    });
  });
}

suite('decoding is total', () => {
  const total = (bytes: Uint8Array): void => {
    const decoded = decode(contracts, bytes);
    if (!decoded.ok) {
      assert.ok(faultCodes.includes(decoded.fault.code));
      assert.equal(typeof decoded.fault.detail, 'string');
    }
  };
  const everyRecording = contracts.map(recordingOf);

  test('any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 4_096 }), total), { numRuns: 2_000 });
  });

  test('any JSON', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (text) => total(new TextEncoder().encode(text))),
      { numRuns: 1_000 },
    );
  });

  test('any value in any place of any message', () => {
    const anything = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom<Json>(-1, 1e308, 2 ** 53, 0.5, '', '\u0000', '__proto__', 'a'.repeat(70_000), [], {}),
    );
    const property = fc.property(
      fc.constantFrom(...everyRecording),
      fc.nat(),
      fc.nat(),
      anything,
      (whole, o, k, v) => {
        const objects = objectsIn(whole);
        const place = objects[o % objects.length];
        assert.ok(place);
        const keys = Object.keys(place.object);
        const key = keys[k % Math.max(1, keys.length)] ?? 'new';
        total(bytesOf(place.withIt({ ...place.object, [key]: v as Json })));
      },
    );
    fc.assert(property, { numRuns: 2_000 });
  });

  test('any recording with a few of its bytes changed', () => {
    const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
    const property = fc.property(
      fc.constantFrom(...everyRecording),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      (recording, changes) => {
        const bytes = bytesOf(recording);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        total(bytes);
      },
    );
    fc.assert(property, { numRuns: 2_000 });
  });

  test('nesting and strings without end', () => {
    const code = (text: string): string => {
      const decoded = decode(contracts, new TextEncoder().encode(text));
      return decoded.ok ? 'taken' : decoded.fault.code;
    };
    assert.equal(code('['.repeat(1_000_000)), 'NOT_JSON');
    assert.equal(code(`${'['.repeat(20_000)}${']'.repeat(20_000)}`), 'NOT_AN_ENVELOPE');
    assert.equal(code(`{"a":`.repeat(200_000)), 'NOT_JSON');
    assert.equal(code(`"${'x'.repeat(4_000_000)}"`), 'NOT_AN_ENVELOPE');
    assert.equal(code(`"${'x'.repeat(4_300_000)}"`), 'TOO_LARGE');
    assert.equal(code('{"__proto__":{"id":"x"}}'), 'NOT_AN_ENVELOPE');
    assert.equal(code(''), 'NOT_JSON');
  });
});
