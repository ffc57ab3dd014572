// docs/life-of-a-request.md names a file and a function for each hop: both must exist.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const docs = fileURLToPath(new URL('../../docs/', import.meta.url));
const page = readFileSync(path.join(docs, 'life-of-a-request.md'), 'utf8');

type Hop = { readonly name: string; readonly file: string };

const hopsOf = (text: string): Hop[] =>
  [...text.matchAll(/^\| \d+\. [^|]*\| `(\w+)` *\| \[[^\]]*\]\(([^)]+)\)/gm)].map(
    ([, name = '', file = '']) => ({
      name,
      file,
    }),
  );

const filesOf = (text: string): string[] =>
  [...text.matchAll(/\]\((\.\.\/[^)]+)\)/g)].map(([, file = '']) => file);

/** What is wrong with a hop; undefined if its file exports its function. */
const wrongWith = ({ name, file }: Hop): string | undefined => {
  const found = path.join(docs, file);
  if (!existsSync(found)) return `${file} does not exist`;
  const exported = new RegExp(`^export (const|function|async function) ${name}\\b`, 'm');
  return exported.test(readFileSync(found, 'utf8')) ? undefined : `${file} exports no ${name}`;
};

test('each hop of a request names a file and a function that exist', () => {
  const hops = hopsOf(page);
  assert.ok(hops.length >= 15, `${hops.length} hops`);
  assert.deepEqual(
    hops.map(wrongWith).filter((wrong) => wrong !== undefined),
    [],
  );
});

test('each file that the page links to exists', () => {
  assert.deepEqual(
    filesOf(page).filter((file) => !existsSync(path.join(docs, file))),
    [],
  );
});

test('a hop to a function that is not there is found', () => {
  const [hop] = hopsOf(page);
  assert.ok(hop);
  assert.match(wrongWith({ ...hop, name: 'noSuchFunction' }) ?? '', /exports no noSuchFunction/);
  assert.match(wrongWith({ ...hop, file: '../no-such-file.ts' }) ?? '', /does not exist/);
});
