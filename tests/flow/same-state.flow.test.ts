// The three roads to the Clearinghouse end in the same state: a whole life of a license server (activated, CALs bought on three programs,
// changed, recovered, activated anew, deactivated) goes automatically, by files and over the telephone; what is then known of it is compared.

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { runMain } from '../support/command.ts';
import { startDeployment, type TestDeployment } from '@calbus/test-support/deployment';

type Road = 'automatic' | 'web' | 'telephone';
type Carried = { command: { commandId: string }; groups: string[] };

const papers = [
  {
    program: 'select',
    agreementNumber: '1234567',
    covers: [
      { version: '2003', mode: 'per-device', quantity: 9 },
      { version: '2003', mode: 'per-user', quantity: 5 },
    ],
  },
  {
    program: 'open',
    agreementNumber: '12345678-ABCDEFGHIJKLMN1',
    covers: [{ version: '2003', mode: 'per-user', quantity: 4 }],
  },
];

/** The commands whose answers are brought twice. */
const twice = new Set(['activate', 'packs', 'reactivate']);

const traveller = (s: TestDeployment, road: Road) => {
  const file = (name: string): string => path.join(s.deployment.dataDir, name);
  const vendor = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runMain('services/clearinghouse/src/cli/main.ts', [
      ...args,
      '--data',
      file('clearinghouse'),
    ]);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const json = async <T>(...args: string[]): Promise<T> => {
    const { code, stdout, stderr } = await s.calbus(...args, '--json');
    assert.equal(code, 0, `${args.join(' ')}: ${stdout}${stderr}`);
    return JSON.parse(stdout) as T;
  };
  const answer = (...args: string[]): Promise<string> =>
    vendor('answer', ...args, '--account', 'license-server');
  const asked = async (...args: string[]): Promise<void> => {
    if (road === 'automatic') return void (await json(...args));
    const { command, groups } = await json<Carried>(
      ...args,
      '--method',
      road,
      ...(road === 'web' ? ['--out', file('request.txt')] : []),
    );
    const id = command.commandId;
    let bring: string[];
    if (road === 'web') {
      await answer(file('request.txt'), '--out', file(`${id}.txt`));
      bring = ['requests', 'import', file(`${id}.txt`)];
    } else {
      const said = JSON.parse(await answer('--spoken', '--json', ...groups)) as { groups: string[] };
      bring = ['requests', 'hear', id, ...said.groups];
    }
    assert.equal((await json<{ repeated: boolean }>(...bring)).repeated, false, args.join(' '));
    if (args[1] === 'retail' && road === 'telephone') {
      const { code, stderr } = await s.calbus(...bring);
      assert.equal(code, 1);
      assert.match(stderr, /brought before; nothing was done again/);
    } else if (twice.has(args[0] ?? ''))
      assert.equal((await json<{ repeated: boolean }>(...bring)).repeated, true, args.join(' '));
  };
  return { file, vendor, json, asked };
};

/** What differs from one life to another: ids by the order in which they appear, times and places not at all. */
const alike = (value: unknown): unknown => {
  const names = new Map<string, string>();
  const rename = (text: string): string =>
    text.replaceAll(/\b[A-Z0-9]{35}\b/g, (id) => {
      const known = names.get(id) ?? `id ${names.size + 1}`;
      names.set(id, known);
      return known;
    });
  const walk = (v: unknown): unknown => {
    if (typeof v === 'string') return rename(v);
    if (Array.isArray(v)) return v.map(walk);
    if (typeof v !== 'object' || v === null) return v;
    return Object.fromEntries(
      Object.entries(v)
        .filter(([key]) => !OWN.has(key))
        .map(([key, member]) => [key, walk(member)]),
    );
  };
  return walk(value);
};
const OWN = new Set(
  'at askedAt issuedAt installedAt time storedAt chain certificateNotAfter keyPack commandId replica road position sequence generation term'.split(
    ' ',
  ),
);

const orderOf = (p: { purchase: { program: string; mode: string; quantity: number } }): string =>
  [p.purchase.program, p.purchase.mode, p.purchase.quantity].join(' ');

const life = async (road: Road, t: TestContext): Promise<unknown> => {
  await using s = await startDeployment();
  const { file, vendor, json, asked } = traveller(s, road);
  const began = performance.now();
  for (const paper of papers) {
    writeFileSync(file('paper.json'), JSON.stringify({ ...paper, company: 'Example Ltd' }));
    await s.addAgreement(file('paper.json'));
  }
  const box = ['--cal-version', '2003', '--mode', 'per-device', '--quantity', '2', '--count', '1'];
  const [code] = JSON.parse(await vendor('codes', 'generate', ...box, '--json')) as { code: string }[];
  const contact = '--first-name Ann --last-name Admin --company Example --country Sampleland'.split(' ');
  const select = ['--agreement', '1234567', '--cal-version', '2003', '--mode', 'per-device'];
  const open = [
    '--agreement',
    papers[1]?.agreementNumber ?? '',
    '--cal-version',
    '2003',
    '--mode',
    'per-user',
  ];
  await asked('activate', ...contact);
  await asked('install', 'select', ...select, '--quantity', '5');
  await asked('install', 'open', ...open, '--quantity', '4');
  await asked('install', 'retail', '--code', code?.code ?? '');
  type Packs = { packs: { keyPackId: string; quantity: number }[] };
  const { packs } = await json<Packs>('packs');
  const five = packs.find((p) => p.quantity === 5)?.keyPackId ?? '';
  await asked('packs', 'remove', five, '--quantity', '1');
  await asked('packs', 'convert', five, '--quantity', '2');
  const paper = ['--program', 'select', '--agreement', '1234567'];
  await asked('recover', ...paper);
  await asked('reactivate', '--reason', 'certificate-corrupt', ...paper);
  const before = await json<Packs>('packs');
  assert.deepEqual(
    before.packs.map((p) => p.quantity).toSorted((a, b) => a - b),
    [2, 2, 2, 4],
    'what was recovered is there already',
  );
  await asked('deactivate');
  await json('ledger', 'verify');
  const exported = await s.calbus('ledger', 'export');
  const records = exported.stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { record: { kind: string } }).record)
    .filter((r) => r.kind !== 'leadership-taken' && r.kind !== 'time-passed');
  t.diagnostic(`${road}: ${records.length} records, ${Math.round(performance.now() - began)} ms`);
  type Agreements = { keyPacks: { purchase: { program: string; mode: string; quantity: number } }[] };
  const agreements = await json<Agreements>('agreements', 'list');
  return alike({
    records,
    packs: await json('packs'),
    // Those that one answer brought have no order among each other.
    agreements: {
      ...agreements,
      keyPacks: agreements.keyPacks.toSorted((x, y) => orderOf(x).localeCompare(orderOf(y))),
    },
    requests: await json('requests'),
    vendor: JSON.parse(await vendor('agreements', 'list', '--json')) as unknown,
  });
};

test('by every road the same commands end in the same packs, agreements, requests and records', async (t) => {
  const roads = ['automatic', 'web', 'telephone'] as const;
  const [expected, ...others] = await Promise.all(roads.map((road) => life(road, t)));
  assert.match(JSON.stringify(expected), /"kind":"cals-settled"/);
  assert.equal(others.length, 2);
  for (const [i, other] of others.entries()) assert.deepEqual(other, expected, roads[i + 1]);
});
