import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { chosenNodes } from './nodes.ts';

/** One start, with the profile `cluster` or without it; returns the number of nodes. */
const deployment = (t: TestContext) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'calbus-nodes-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const mark = path.join(dir, 'three');
  return {
    dir,
    start: (profile: 'cluster' | 'none'): number => {
      if (profile === 'cluster') writeFileSync(mark, '');
      const { length } = chosenNodes(dir, mark);
      // The steps of a start that follow.
      mkdirSync(path.join(dir, 'secrets'), { recursive: true });
      assert.equal(existsSync(mark), false, 'the mark lasts for one start');
      return length;
    },
  };
};

test('the number of nodes is that of the first start', (t) => {
  const one = deployment(t);
  assert.equal(one.start('none'), 1);
  assert.equal(one.start('none'), 1);
  assert.throws(() => one.start('cluster'), /has one node of NATS.*by a backup/);
  assert.equal(one.start('none'), 1, 'a start with the first choice succeeds again');

  const three = deployment(t);
  assert.equal(three.start('cluster'), 3);
  assert.throws(() => three.start('none'), /has three nodes of NATS: start it with --profile cluster/);
  assert.equal(three.start('cluster'), 3);
});

test('a deployment from before this choice existed has one node', (t) => {
  const old = deployment(t);
  mkdirSync(path.join(old.dir, 'secrets'));
  assert.throws(() => old.start('cluster'), /has one node of NATS/);
  assert.equal(old.start('none'), 1);
});
