// Whether a JSON Schema still takes, and still gives, what a released one did. It knows the keywords that zod
// writes for our messages, and no others. Each finding is a sentence that names the field.

import type { JsonSchema } from './json-schemas.ts';

const record = (value: unknown): JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonSchema) : {};
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);

const word = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise);

/** A union's members; a list of types is a union as well. */
const optionsOf = (schema: JsonSchema): readonly JsonSchema[] => {
  if (Array.isArray(schema['type'])) return list(schema['type']).map((type) => ({ ...schema, type }));
  const options = list(schema['anyOf'] ?? schema['oneOf']).map(record);
  return options.length > 0 ? options.flatMap(optionsOf) : [schema];
};

const valuesOf = (schema: JsonSchema): readonly unknown[] | undefined =>
  'const' in schema ? [schema['const']] : Array.isArray(schema['enum']) ? list(schema['enum']) : undefined;

/** What tells the options of a union apart: its one-valued fields, or else its type. */
const markOf = (schema: JsonSchema): string => {
  const constants = Object.entries(record(schema['properties']))
    .filter(([, field]) => 'const' in record(field))
    .map(([name, field]) => `${name} ${JSON.stringify(record(field)['const'])}`);
  return constants.length > 0 ? constants.join(', ') : word(schema['type'], 'any');
};

const lower = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems'] as const;
const upper = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems'] as const;

const narrowed = (before: JsonSchema, now: JsonSchema, at: string): string[] => {
  const limit = (keyword: string, isNarrower: (a: number, b: number) => boolean): string[] => {
    const [a, b] = [before[keyword], now[keyword]];
    if (typeof b !== 'number') return [];
    if (typeof a === 'number' && !isNarrower(a, b)) return [];
    return [`${at}: ${keyword} was ${typeof a === 'number' ? a : 'not set'} and is now ${b}.`];
  };
  const pattern =
    now['pattern'] === undefined || now['pattern'] === before['pattern']
      ? []
      : [
          `${at}: its pattern was ${word(before['pattern'], 'not set')} and is now ${word(now['pattern'], '?')}.`,
        ];
  return [
    ...lower.flatMap((k) => limit(k, (a, b) => b > a)),
    ...upper.flatMap((k) => limit(k, (a, b) => b < a)),
    ...pattern,
  ];
};

const values = (before: JsonSchema, now: JsonSchema, at: string): string[] => {
  const allowed = valuesOf(now);
  if (!allowed) return [];
  const gone = (valuesOf(before) ?? ['any value']).filter((v) => !allowed.includes(v));
  return gone.length === 0
    ? []
    : [`${at}: no longer takes ${gone.map((v) => JSON.stringify(v)).join(', ')}.`];
};

const fields = (before: JsonSchema, now: JsonSchema, at: string): string[] => {
  const [had, has] = [record(before['properties']), record(now['properties'])];
  const [needed, needs] = [list(before['required']), list(now['required'])];
  const path = (name: unknown): string => (at === '' ? String(name) : `${at}.${String(name)}`);
  return [
    ...Object.keys(had).flatMap((name) =>
      name in has
        ? breaks(record(had[name]), record(has[name]), path(name))
        : [`${path(name)}: was removed.`],
    ),
    ...needs.filter((name) => !needed.includes(name)).map((name) => `${path(name)}: is newly required.`),
    ...needed
      .filter((name) => !needs.includes(name) && String(name) in has)
      .map((name) => `${path(name)}: may now be left out, which released readers refuse.`),
  ];
};

const one = (before: JsonSchema, now: JsonSchema, at: string): string[] => {
  const [a, b] = [word(before['type'], 'any'), word(now['type'], 'any')];
  const widened = b === 'any' || a === b || (a === 'integer' && b === 'number');
  if (!widened) return [`${at}: was ${a} and is now ${b}.`];
  return [
    ...values(before, now, at),
    ...narrowed(before, now, at),
    ...(a === 'object' ? fields(before, now, at) : []),
    ...(a === 'array' ? breaks(record(before['items']), record(now['items']), `${at}[]`) : []),
  ];
};

/** Everything by which `now` would break who relies on `before`; empty where nothing would. */
export const breaks = (before: JsonSchema, now: JsonSchema, at = ''): string[] => {
  const current = optionsOf(now);
  return optionsOf(before).flatMap((option) => {
    const findings = current.map((c) => ({ same: markOf(c) === markOf(option), found: one(option, c, at) }));
    if (findings.some((f) => f.found.length === 0)) return [];
    const counterpart = findings.find((f) => f.same) ?? (current.length === 1 ? findings[0] : undefined);
    return counterpart?.found ?? [`${at === '' ? 'the whole' : at}: no longer takes ${markOf(option)}.`];
  });
};
