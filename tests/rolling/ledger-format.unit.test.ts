// A replica of the earlier release reads each record of format 1 as this release does. A record that it would read otherwise needs
// a kind of its own, or another format: then it stops reading and says so. A value that it does not know makes a batch VOID for it, and a
// field that it does not know is lost to it, so that two replicas would have two states.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { ledgerBatch } from '@calbus/contracts/ledger';
import { importFrom, unpackEarlierRelease } from './earlier-release.ts';

type Schema = { readonly [name: string]: unknown };
const record = z.object({ properties: z.object({ kind: z.object({ const: z.string() }) }) });
const batch = z.object({
  properties: z.object({ records: z.object({ items: z.record(z.string(), z.array(z.unknown())) }) }),
});

/** The JSON schemas of a batch without its records, and of each kind of record. */
const schemasOf = (schema: Schema): { frame: unknown; records: ReadonlyMap<string, unknown> } => {
  const { properties, ...frame } = schema as { properties: Record<string, unknown> };
  const [options = []] = Object.values(batch.parse(schema).properties.records.items);
  const { records: _records, ...fields } = properties;
  return {
    frame: { ...frame, fields },
    records: new Map(options.map((o) => [record.parse(o).properties.kind.const, o])),
  };
};

test('the records of the ledger are those of the earlier release, or have a kind that it does not know', async (t) => {
  await using unpacked = await unpackEarlierRelease((line) => t.diagnostic(line));
  const old = await importFrom<{ ledgerBatch: z.ZodType }>(unpacked.root, 'ledger');
  const earlier = schemasOf(z.toJSONSchema(old.ledgerBatch));
  const current = schemasOf(z.toJSONSchema(ledgerBatch));
  assert.deepEqual(current.frame, earlier.frame);
  assert.ok(earlier.records.size > 10);
  for (const [kind, schema] of earlier.records) assert.deepEqual(current.records.get(kind), schema, kind);
});
