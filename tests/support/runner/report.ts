// Node's own report, and before its closing lines the 20 slowest tests. Tests that run in two parts, one after the other, have one set
// of closing lines, at the end, that counts both: the first part leaves its counts in the file that `CALBUS_TEST_COUNTS` names.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { spec, type TestEvent } from 'node:test/reporters';

export const COUNTS_FILE = 'CALBUS_TEST_COUNTS';

const MAX_SLOWEST = 20;

type SlowTest = { readonly ms: number; readonly name: string };
type Part = { readonly counts: Readonly<Record<string, number>>; readonly slowest: readonly SlowTest[] };

const closing = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$/;

/** A closing line's name and number; undefined where the event is none. */
const countOf = (event: TestEvent): readonly [string, number] | undefined => {
  if (event.type !== 'test:diagnostic' || event.data.nesting !== 0 || event.data.file !== undefined)
    return undefined;
  const [, name, number] = closing.exec(event.data.message) ?? [];
  return name === undefined ? undefined : [name, Number(number)];
};

const slowTestOf = (event: TestEvent): SlowTest | undefined => {
  if (event.type !== 'test:pass' && event.type !== 'test:fail') return undefined;
  const { name, file = '', details, skip } = event.data;
  if (skip !== undefined || details.type === 'suite') return undefined;
  return { ms: details.duration_ms, name: `${path.relative(process.cwd(), file)}  ${name}` };
};

const slowestOf = (tests: readonly SlowTest[]): readonly SlowTest[] =>
  [...tests].sort((a, b) => b.ms - a.ms).slice(0, MAX_SLOWEST);

/** Prints nothing of its own where there are few tests: their times are in the report. */
const slowestLines = (tests: readonly SlowTest[]): string =>
  tests.length < MAX_SLOWEST
    ? ''
    : `The ${MAX_SLOWEST} slowest tests:\n${tests.map((t) => `${(t.ms / 1000).toFixed(1).padStart(7)} s  ${t.name}\n`).join('')}`;

const readPart = (file: string): Part => JSON.parse(readFileSync(file, 'utf8')) as Part;

async function* withSummary(
  source: AsyncIterable<TestEvent>,
  file: string | undefined,
): AsyncGenerator<TestEvent> {
  const isFirst = file !== undefined && !existsSync(file);
  const earlier = file !== undefined && !isFirst ? readPart(file) : undefined;
  const counts: Record<string, number> = {};
  let slowest: readonly SlowTest[] = earlier?.slowest ?? [];
  for await (const event of source) {
    const slow = slowTestOf(event);
    if (slow) slowest = slowestOf([...slowest, slow]);
    const count = countOf(event);
    if (count === undefined) {
      yield event;
      continue;
    }
    const [name, number] = count;
    const isFirstCount = Object.keys(counts).length === 0;
    counts[name] = number;
    if (isFirst || event.type !== 'test:diagnostic') continue;
    if (isFirstCount) yield { type: 'test:stdout', data: { file: '', message: slowestLines(slowest) } };
    const message = `${name} ${number + (earlier?.counts[name] ?? 0)}`;
    yield { ...event, data: { ...event.data, message } };
  }
  if (isFirst) writeFileSync(file, JSON.stringify({ counts, slowest } satisfies Part));
}

export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  yield* Readable.from(withSummary(source, process.env[COUNTS_FILE])).pipe(new spec());
}
