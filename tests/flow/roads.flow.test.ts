// Three roads to the Clearinghouse, one end state: activated by file, a key pack by telephone, another one automatically, an answer by
// two roads. Files that are not the right ones are refused, and say what is wrong with them.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '@calbus/local/repository';
import { runMain, type CommandResult } from '../support/command.ts';
import { startDeployment, type TestDeployment } from '@calbus/test-support/deployment';

let s: TestDeployment;
before(async () => {
  s = await startDeployment();
  await s.addAgreement(path.join(repositoryRoot, 'deploy/local/sample-agreement.json'));
});
after(async () => {
  await s?.[Symbol.asyncDispose]();
});

const file = (name: string): string => path.join(s.deployment.dataDir, name);
const text = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await s.calbus(...args);
  assert.equal(code, 0, stderr);
  return stdout;
};
const json = async <T>(...args: string[]): Promise<T> => JSON.parse(await text(...args, '--json')) as T;
const refused = async (...args: string[]): Promise<string> => {
  const { code, stderr } = await s.calbus(...args);
  assert.equal(code, 1);
  return stderr;
};
const account = 'license-server';
const vendor = (...args: string[]): Promise<CommandResult> =>
  runMain('services/clearinghouse/src/cli/main.ts', [
    'answer',
    ...args,
    '--account',
    account,
    '--data',
    file('clearinghouse'),
  ]);
const answered = async (request: string, out: string): Promise<string> => {
  const { code, stderr } = await vendor(request, '--out', out);
  assert.equal(code, 0, stderr);
  return out;
};
const spoken = async (groups: readonly string[]): Promise<readonly string[]> => {
  const { code, stdout, stderr } = await vendor('--spoken', '--json', ...groups);
  assert.equal(code, 0, stderr);
  return (JSON.parse(stdout) as { groups: string[] }).groups;
};
type Carried = {
  command: { commandId: string; state: { state: string } };
  groups: string[];
  repeated?: boolean;
};
type Packs = { packs: { mode: string; quantity: number }[] };
const bought = ['--agreement', '1234567', '--cal-version', '2003', '--quantity', '1'];

test('activated by file, key packs by telephone and automatically', async (t) => {
  const contact = [
    '--first-name',
    'Ann',
    '--last-name',
    'Admin',
    '--company',
    'Example',
    '--country',
    'Sampleland',
  ];
  const first = await json<Carried>('activate', ...contact, '--method', 'web', '--out', file('request.txt'));
  assert.equal(first.command.state.state, 'held');
  assert.match(readFileSync(file('request.txt'), 'utf8'), /Activate for Example \(Ann Admin\)/);
  assert.match(await text('requests'), /calbus requests export/);

  const answer = await answered(file('request.txt'), file('answer.txt'));
  const again = await answered(file('request.txt'), file('again.txt'));
  assert.equal(readFileSync(again, 'utf8'), readFileSync(answer, 'utf8'));

  const whole = readFileSync(answer, 'utf8');
  const wrong = async (name: string, content: string): Promise<string> => {
    writeFileSync(file(name), content);
    return refused('requests', 'import', file(name));
  };
  assert.match(await wrong('cut.txt', whole.slice(0, -40)), /end of the file is missing/);
  const at = whole.indexOf('BEGIN') + 400;
  const letter = whole[at] === 'A' ? 'B' : 'A';
  assert.match(
    await wrong('altered.txt', whole.slice(0, at) + letter + whole.slice(at + 1)),
    /not signed by the Clearinghouse|changed on the way/,
  );
  assert.match(await refused('requests', 'import', file('request.txt')), /a request, not an answer/);

  assert.match(await text('requests', 'import', answer), /done/);
  assert.match(await text('requests', 'import', answer), /applied before/);

  const asked = await json<Carried>(
    'install',
    'select',
    ...bought,
    '--mode',
    'per-device',
    '--method',
    'telephone',
  );
  const id = asked.command.commandId;
  t.diagnostic(`request: ${asked.groups.length} groups`);
  const said = await spoken(asked.groups);
  t.diagnostic(`answer: ${said.length} groups`);
  const slip = said.with(7, `${said[7]?.[1]}${said[7]?.[0]}${said[7]?.slice(2)}`);
  if (slip[7] !== said[7])
    assert.match(await refused('requests', 'hear', id, ...slip), /Group 8 is mistyped/);
  assert.match(await refused('requests', 'hear', id, ...said.toSpliced(20, 1)), /Group 21 is missing/);
  assert.match(await text('requests', 'hear', id, ...said), /done/);
  assert.ok((await json<Carried>('requests', 'hear', id, ...said)).repeated);

  await text('install', 'select', ...bought, '--mode', 'per-user');
  // By file after all, though it was to be spoken; then by telephone, too.
  const both = await json<Carried>(
    'install',
    'select',
    ...bought,
    '--mode',
    'per-user',
    '--method',
    'telephone',
  );
  await text('requests', 'export', both.command.commandId, '--out', file('both.txt'));
  await text('requests', 'import', await answered(file('both.txt'), file('both-answer.txt')));
  const second = await spoken(both.groups);
  assert.ok((await json<Carried>('requests', 'hear', both.command.commandId, ...second)).repeated);
  assert.match(await refused('requests', 'hear', id, ...second), /answer another command/);

  const { packs } = await json<Packs>('packs');
  assert.deepEqual(
    packs.map((p) => [p.mode, p.quantity]),
    [
      ['per-device', 1],
      ['per-user', 1],
      ['per-user', 1],
    ],
  );
  const rejected = await json<Carried>(
    'install',
    'select',
    ...bought,
    '--quantity',
    '999',
    '--mode',
    'per-device',
    '--method',
    'telephone',
  );
  const no = await spoken(rejected.groups);
  const end = await s.calbus('requests', 'hear', rejected.command.commandId, ...no);
  assert.match(end.stdout + end.stderr, /NOT_ENOUGH_LEFT|fewer CALs left/);
  assert.match(await text('ledger', 'verify'), /sound/i);
  assert.match(await refused('phone'), /No telephone number was entered/);
});
