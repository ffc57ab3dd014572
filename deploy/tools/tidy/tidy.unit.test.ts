// Each rule of `tidy` is seen to fail, and to pass over what it must not meet.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  checkArrows,
  checkDeclared,
  checkExports,
  checkFileName,
  checkImageContent,
  checkNames,
  checkPhrases,
  importsOf,
  readArrows,
  type Finding,
  type Package,
} from './rules.ts';
import { sourceText } from './source-text.ts';

const brief = (findings: readonly Finding[]): string[] => findings.map((f) => `${f.line}: ${f.problem}`);

describe('tidy finds', () => {
  test('a phrase in a comment, in a message and on a page, with its line and a better word', () => {
    const source = "const a = 1;\n/** Nobody waits. */\nconst b = 'it is set up anew here';\n";
    assert.deepEqual(brief(checkPhrases('a.ts', source)), ['2: the phrase "Nobody"', '3: the phrase "anew"']);
    const [first] = checkPhrases('a.md', 'One.\nWhoever asks is told.\n');
    assert.equal(first?.line, 2);
    assert.match(first.say, /caller/);
  });
  test('no phrase in code, in a code, or in a code block of a page', () => {
    assert.deepEqual(checkPhrases('a.ts', "const nobody = anew('nobody');\nconst days = 'days left';\n"), []);
    assert.deepEqual(checkPhrases('a.md', 'Run `nobody`.\n\n```\nwhoever\n```\n'), []);
  });
  test('a name of the old language in code, and not in a sentence', () => {
    assert.deepEqual(brief(checkNames('a.ts', 'const MOST_BYTES = 1;\ntype Told = string;\n')), [
      '1: the name "MOST_B"',
      '2: the name "type Told"',
    ]);
    assert.deepEqual(checkNames('a.ts', '// MOST_BYTES was its name\n'), []);
  });
  test('a file named for an act, and not a noun of the field', () => {
    assert.equal(checkFileName('x/withholding.ts').length, 1);
    assert.equal(checkFileName('x/group-merging.unit.test.ts').length, 1);
    assert.equal(checkFileName('x/told.ts').length, 1);
    assert.deepEqual(checkFileName('x/licensing.ts'), []);
    assert.deepEqual(checkFileName('x/report-queue.ts'), []);
  });
  test('an import that the package does not declare, and one that is not public', () => {
    const own: Package = {
      name: '@calbus/a',
      folder: 'a',
      dependencies: new Set(['@calbus/b']),
      exports: {},
    };
    const b: Package = {
      name: '@calbus/b',
      folder: 'b',
      dependencies: new Set(),
      exports: { './x': './src/x.ts' },
    };
    const text = "import { z } from 'zod';\nimport x from '@calbus/b/x';\nexport { y } from '@calbus/b/y';\n";
    assert.deepEqual(brief(checkDeclared('a/a.ts', text, own, [own, b])), [
      '1: the import of zod',
      '3: the import of @calbus/b/y',
    ]);
  });
  test('a package that exports everything', () => {
    const own: Package = {
      name: 'a',
      folder: 'a',
      dependencies: new Set(),
      exports: { './*': './src/*.ts' },
    };
    assert.equal(checkExports(own).length, 1);
  });
  test('an arrow that the README does not have, and a file without a room', () => {
    const arrows = readArrows(
      '## Which room may import which\n\n| room | may import |\n| - | - |\n| `a` | `b` |\n| `b` | none |\n| `d` | `a/*` |\n| `a/pure` | none |\n\n## Next\n\n| `b` | `a` |\n',
    );
    assert.deepEqual(checkArrows('a/x.ts', [{ line: 1, target: 'b/y.ts' }], arrows), []);
    assert.deepEqual(brief(checkArrows('b/y.ts', [{ line: 3, target: 'a/x.ts' }], arrows)), [
      '3: b imports a',
    ]);
    assert.deepEqual(brief(checkArrows('a/pure/z.ts', [{ line: 1, target: 'b/y.ts' }], arrows)), [
      '1: a/pure imports b',
    ]);
    assert.deepEqual(checkArrows('d/w.ts', [{ line: 1, target: 'a/pure/z.ts' }], arrows), []);
    assert.equal(checkArrows('c/z.ts', [], arrows).length, 1);
  });
  test('tests in an image', () => {
    assert.equal(checkImageContent('*\n!shared\n!tests/support\n')[0]?.line, 3);
    assert.deepEqual(checkImageContent('*\n!shared\n**/*.test.ts\n'), []);
  });
});

test('imports are found in each form', () => {
  const text =
    "import a from 'a';\nimport {\n  b,\n} from './b.ts';\nexport type { c } from 'c';\nimport 'd';\nconst e = await import('e');\n";
  assert.deepEqual(
    importsOf(text).map((i) => `${i.line} ${i.specifier}`),
    ['1 a', '4 ./b.ts', '5 c', '6 d', '7 e'],
  );
});

test('code and prose are parted: comments, strings, templates, regular expressions, divisions', () => {
  const { code, prose } = sourceText(
    "const a = b / 2 / c; // one two\nconst r = /['\"`]/g;\nconst s = `three ${four} five six`;\n/* seven\n eight */ const nine = 'ten';\n",
  );
  assert.match(code, /const a = b \/ 2 \/ c;/);
  assert.match(code, /const nine = /);
  assert.doesNotMatch(code, /three|seven|one two/);
  assert.deepEqual(
    prose.map((p) => p.line),
    [1, 3, 4, 5],
  );
});
