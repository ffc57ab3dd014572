// The errors of the vendor's command for wrong use.

import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import {
  assertUsageError,
  startClearinghouseHarness,
  type ClearinghouseHarness,
} from '@calbus/test-support/clearinghouse/harness';

let scene: ClearinghouseHarness;
before(async () => {
  scene = await startClearinghouseHarness(['u1']);
  // Makes keys and register.
  const service = await scene.start();
  await service.stop();
});
after(async () => {
  await scene?.[Symbol.asyncDispose]();
});

const text = (...args: readonly string[]): string => {
  const { code, stdout, stderr } = scene.vendor(...args);
  assert.equal(code, 0, stderr);
  return stdout;
};

test("the vendor's command answers wrong use with one sentence and changes nothing", () => {
  const nowhere = path.join(scene.dir, 'nowhere');
  const file = (name: string, content: string): string => {
    const at = path.join(scene.dir, name);
    writeFileSync(at, content);
    return at;
  };
  const id = 'A'.repeat(35);
  const made = ['--cal-version', '2003', '--mode', 'per-device'];
  const agreement = { program: 'select', agreementNumber: '1234567', company: 'Example Ltd' };
  const cover = { version: '2003', mode: 'per-device', quantity: 1 };
  const rows: [readonly string[], RegExp][] = [
    [['nonsense'], /unknown command 'nonsense'/],
    [['servers', '--nonsense'], /unknown option '--nonsense'/],
    [['servers', '--data', nowhere], /There is no Clearinghouse in /],
    [['packs', '--data', nowhere], /There is no Clearinghouse in /],
    [['agreements', 'list', '--data', nowhere], /There is no Clearinghouse in /],
    [['codes', 'list', '--data', nowhere], /There is no Clearinghouse in /],
    [['keys', 'rotate', '--data', nowhere], /There are no keys in /],
    [['answer', 'x', '--account', 'v1', '--data', nowhere], /There is no Clearinghouse in /],
    [['agreements', 'add'], /missing required argument/],
    [['agreements', 'add', path.join(nowhere, 'x.json')], /cannot be read; check the path/],
    [['agreements', 'add', scene.dir], /cannot be read; check the path/],
    [['agreements', 'add', file('a.json', '{"program":')], /is not JSON/],
    [['agreements', 'add', file('b.json', '{}')], /is not a license purchase agreement: /],
    [
      [
        'agreements',
        'add',
        file('c.json', JSON.stringify({ ...agreement, agreementNumber: '12', covers: [cover] })),
      ],
      /is not a number of its program/,
    ],
    [
      ['agreements', 'add', file('d.json', JSON.stringify({ ...agreement, covers: [cover, cover] }))],
      /lists a version and type twice/,
    ],
    [['codes', 'generate', '--quantity', '1', '--count', '1'], /required option '--cal-version/],
    [['codes', 'generate', '--cal-version', '1999', '--mode', 'per-device'], /Allowed choices are 2000/],
    [['codes', 'generate', ...made, '--quantity', '0', '--count', '1'], /--quantity must be a whole number/],
    [['codes', 'generate', ...made, '--quantity', '1', '--count', '1e3'], /--count must be a whole number/],
    [
      ['codes', 'generate', ...made, '--quantity', '1', '--count', '1', '--out', file('taken', '')],
      / exists\. Name a new file/,
    ],
    [['codes', 'show', '77'], /There is no code with the number 77/],
    [['codes', 'show', 'x'], /must be a whole number/],
    [['retire'], /missing required argument/],
    [['retire', 'ABC', '--yes'], /has 35 letters and digits/],
    [['retire', id], /Pass --yes to confirm\. Nothing was changed/],
    [['retire', id, '--yes'], /There is no license server AAAAA-/],
    [['account', id], /missing required argument 'account'/],
    [['account', id, 'a b'], /1 to 64 letters, digits, hyphens and underscores/],
    [['account', id, 'v1'], /There is no license server AAAAA-/],
    [['answer', file('r.txt', 'hello'), '--account', 'v1'], /./],
    [['answer', file('r.txt', 'hello')], /required option '--account/],
    [['answer', 'ABCDE', '--spoken', '--account', 'v1'], /./],
    [['answer', file('r.txt', 'hello'), '--account', 'a b'], /An account is 1 to 64/],
  ];
  for (const [args, says] of rows) assertUsageError(scene.vendor(...args), says, args.join(' '));
  assert.ok(!existsSync(nowhere));
  assert.deepEqual(scene.asVendor('agreements', 'list'), []);
  assert.deepEqual(scene.asVendor('codes', 'list'), []);
  assert.match(text('agreements', 'list'), /No agreements yet: clearinghouse agreements add/);
  assert.match(text('servers'), /No license server is activated yet/);
  assert.match(text('packs'), /No key packs were issued yet/);
  assert.match(text('codes', 'list'), /No license codes yet/);
});
