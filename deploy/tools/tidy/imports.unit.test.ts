import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findCircles, resolveImport } from './imports.ts';

const packages = [
  {
    name: '@calbus/a',
    folder: 'shared/a',
    dependencies: new Set<string>(),
    exports: { './one': './src/one.ts' },
  },
];
const source = (file: string, ...specifiers: string[]) => ({
  file,
  text: specifiers.map((s) => `import { x } from '${s}';`).join('\n'),
});

test('an import names a file of the repository, or none', () => {
  assert.equal(resolveImport('shared/b/src/x.ts', '../y.ts', packages), 'shared/b/y.ts');
  assert.equal(resolveImport('shared/b/src/x.ts', '@calbus/a/one', packages), 'shared/a/src/one.ts');
  assert.equal(resolveImport('shared/b/src/x.ts', 'zod', packages), undefined);
});

test('files that import each other are a circle, through others and by types alone', () => {
  const files = [
    source('shared/a/src/one.ts', './two.ts'),
    { file: 'shared/a/src/two.ts', text: "import type { X } from './three.ts';" },
    source('shared/a/src/three.ts', './one.ts', './leaf.ts'),
    source('shared/a/src/leaf.ts'),
    source('shared/b/src/user.ts', '@calbus/a/one'),
  ];
  assert.deepEqual(findCircles(files, packages), [
    ['shared/a/src/one.ts', 'shared/a/src/three.ts', 'shared/a/src/two.ts'],
  ]);
  assert.deepEqual(findCircles(files.slice(1), packages), []);
});
