// Writes what is generated from the catalogue: schemas/, and the table of docs/contracts.md. `--check` writes nothing and
// exits 1 where the files differ; `--release` keeps the schemas as those of a released version, for the compatibility test.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as prettier from 'prettier';
import { asyncapi } from './asyncapi.ts';
import { described, fileName, jsonSchema } from './json-schemas.ts';
import { catalogueTable } from './catalogue-table.ts';

const here = import.meta.dirname;
const schemasFolder = path.join(here, 'schemas');
const page = path.join(here, '..', '..', 'docs', 'contracts.md');
const [begin, end] = ['<!-- catalogue: generated -->', '<!-- end of the catalogue -->'];

const versionOf = (packageFile: string): string => {
  const parsed: unknown = JSON.parse(readFileSync(packageFile, 'utf8'));
  if (typeof parsed === 'object' && parsed !== null && 'version' in parsed) return String(parsed.version);
  throw new Error(`${packageFile} names no version.`);
};

const pretty = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const pageWithTable = async (): Promise<string> => {
  const text = readFileSync(page, 'utf8');
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${page} has lost the marks ${begin} and ${end}.`);
  const whole = `${text.slice(0, from)}${begin}\n\n${catalogueTable()}\n\n${text.slice(to)}`;
  const style = await prettier.resolveConfig(page);
  return prettier.format(whole, { ...style, parser: 'markdown' });
};

const version = versionOf(path.join(here, 'package.json'));
const schemas = new Map(described.map((d) => [fileName(d), pretty(jsonSchema(d))]));
const wanted = new Map<string, string>([
  ...[...schemas].map(([name, text]) => [path.join(schemasFolder, name), text] as const),
  [path.join(schemasFolder, 'asyncapi.json'), pretty(asyncapi(version))],
  [page, await pageWithTable()],
]);
const leftOver = (existsSync(schemasFolder) ? readdirSync(schemasFolder) : [])
  .filter((name) => name.endsWith('.json'))
  .map((name) => path.join(schemasFolder, name))
  .filter((file) => !wanted.has(file));
const differing = [...wanted]
  .filter(([file, text]) => !existsSync(file) || readFileSync(file, 'utf8') !== text)
  .map(([file]) => file);

if (process.argv.includes('--check')) {
  const stale = [...differing, ...leftOver].map((file) => path.relative(process.cwd(), file));
  if (stale.length > 0) {
    process.stderr.write(`Run \`npm run contracts\`: not what the catalogue says: ${stale.join(', ')}.\n`);
    process.exitCode = 1;
  }
} else {
  mkdirSync(schemasFolder, { recursive: true });
  for (const [file, text] of wanted) writeFileSync(file, text);
  for (const file of leftOver) rmSync(file);
  process.stdout.write(`${differing.length + leftOver.length} of ${wanted.size} files changed.\n`);
  if (process.argv.includes('--release')) {
    const folder = path.join(schemasFolder, 'released', version);
    mkdirSync(folder, { recursive: true });
    for (const [name, text] of schemas) writeFileSync(path.join(folder, name), text);
    process.stdout.write(`Kept ${schemas.size} schemas as those of version ${version}.\n`);
  }
}
