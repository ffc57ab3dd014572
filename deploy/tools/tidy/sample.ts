// Draws sentences from comments, messages and pages at random, so that a reader can check whether each is clear at first reading.
// Usage: node deploy/tools/tidy/sample.ts [--seed <number>] [--count <number>]   (defaults: seed 1, 30 sentences)

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { markdownProse, sourceText } from './source-text.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
/** A shorter text is a label, not a sentence. */
const MIN_WORDS = 6;

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, count: { type: 'string', default: '30' } },
});

/** A linear congruential generator: the same seed draws the same sentences on every machine. */
const randomFrom = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
};

/** The sentences of a file, each with the line on which it begins. */
const sentencesOf = (file: string): { readonly place: string; readonly text: string }[] => {
  const text = readFileSync(path.join(root, file), 'utf8');
  const prose = file.endsWith('.md') ? markdownProse(text) : sourceText(text).prose;
  const blocks: { line: number; last: number; text: string }[] = [];
  for (const { line, text: part } of prose) {
    const clean = part.replaceAll(/^\s*(?:\/\/|\/\*\*?|\*\/?|[-#>|])\s?|\*\/$/g, '').trim();
    const before = blocks.at(-1);
    if (before && before.last === line - 1 && clean !== '') {
      before.text += ` ${clean}`;
      before.last = line;
    } else if (clean !== '') blocks.push({ line, last: line, text: clean });
  }
  return blocks.flatMap((b) =>
    b.text
      .split(/(?<=[.!?:])\s+(?=[A-Z`"])/)
      .filter((s) => s.split(/\s+/).length >= MIN_WORDS && !s.includes('|'))
      .map((s) => ({ place: `${file}:${b.line}`, text: s })),
  );
};

const files = execFileSync('git', ['ls-files', '*.ts', '*.mjs', '*.md'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((file) => file !== '');
const sentences = files.flatMap(sentencesOf);
const random = randomFrom(Number(values.seed));
for (let n = 0; n < Number(values.count); n += 1) {
  const drawn = sentences[Math.floor(random() * sentences.length)];
  if (drawn) console.log(`${drawn.place}\n    ${drawn.text}`);
}
