// JSON Schemas of everything in the catalogue, as plain data.

import { z } from 'zod';
import { contracts, statements } from './src/catalogue.ts';
import { messageSchema } from './src/envelope.ts';

export type JsonSchema = { readonly [keyword: string]: unknown };

export type Described = {
  readonly type: string;
  readonly version: number;
  readonly about: string;
  readonly schema: z.ZodType;
};

/** Messages (the envelope included) and statements, by type. */
export const described: readonly Described[] = [
  ...contracts.map((c) => ({ ...c, schema: messageSchema(c) })),
  ...statements,
].toSorted((a, b) => (a.type < b.type ? -1 : 1));

export const fileName = (d: Pick<Described, 'type' | 'version'>): string => `${d.type}.v${d.version}.json`;

/** `io: input`: what must be accepted from others, where unknown fields are ignored and defaults may be left out. */
export const jsonSchema = (
  d: Described,
  target: 'draft-2020-12' | 'draft-7' = 'draft-2020-12',
): JsonSchema => {
  const { $schema, ...rest } = z.toJSONSchema(d.schema, { io: 'input', target }) as JsonSchema;
  return {
    ...(target === 'draft-7' ? {} : { $schema, $id: `urn:calbus:${d.type}:v${d.version}` }),
    title: d.type,
    description: d.about,
    ...rest,
  };
};
