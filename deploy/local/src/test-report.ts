// Node's own report, for tests that run in two parts, one after the other: the closing lines stand once, at the end, and count
// both. The first part leaves its counts in the file that `CALBUS_TEST_COUNTS` names, where the second finds them.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { spec, type TestEvent } from 'node:test/reporters';

export const COUNTS = 'CALBUS_TEST_COUNTS';

const closing = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$/;

/** A closing line's name and number; undefined where the event is none. */
const countOf = (event: TestEvent): readonly [string, number] | undefined => {
  if (event.type !== 'test:diagnostic' || event.data.nesting !== 0 || event.data.file !== undefined)
    return undefined;
  const [, name, number] = closing.exec(event.data.message) ?? [];
  return name === undefined ? undefined : [name, Number(number)];
};

async function* withCounts(source: AsyncIterable<TestEvent>, file: string): AsyncGenerator<TestEvent> {
  const earlier = existsSync(file)
    ? new Map(Object.entries(JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>))
    : undefined;
  const counts: Record<string, number> = {};
  for await (const event of source) {
    const count = countOf(event);
    if (count === undefined) {
      yield event;
      continue;
    }
    const [name, number] = count;
    counts[name] = number;
    if (earlier === undefined || event.type !== 'test:diagnostic') continue;
    yield { ...event, data: { ...event.data, message: `${name} ${number + (earlier.get(name) ?? 0)}` } };
  }
  if (earlier === undefined) writeFileSync(file, JSON.stringify(counts));
}

export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const file = process.env[COUNTS];
  const events = file === undefined ? source : withCounts(source, file);
  yield* Readable.from(events).pipe(new spec());
}
