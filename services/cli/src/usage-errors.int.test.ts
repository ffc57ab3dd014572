// Wrong arguments are reported before a command connects: this test has no license server.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';

const calbus = (line: string): { status: number | null; said: string } => {
  const main = path.join(import.meta.dirname, 'main.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...line.split(' ')], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', CALBUS_PROFILE: '/nowhere/operator.json' },
  });
  return { status, said: stdout + stderr };
};

const bought = '--cal-version 2003 --mode per-device --quantity 1';
const wrong: readonly (readonly [line: string, said: RegExp])[] = [
  ['install retail', /license code is missing: --code/],
  ['install retail --code ABCDE', /must have 25 characters, not 5/],
  ['install retail --code ABCDE-ABCDE-ABCD0-ABCDE-ABCDE', /in group 3: I, O, 0 and 1/],
  [`install retail --code ${'ABCDE'.repeat(5)} --quantity 2`, /--quantity: retail takes nothing but --code/],
  [`install select ${bought}`, /Say --agreement too/],
  ['install select --agreement 1234567 --cal-version 2003', /Say --mode, --quantity too/],
  [`install select --agreement 1234567 ${bought} --code ABCDE`, /--code: select takes no license code/],
  ...['select', 'enterprise', 'campus', 'school', 'spla'].map(
    (p) => [`install ${p} --agreement 123456 ${bought}`, /must have 7 digits/] as const,
  ),
  [`install open --agreement 12345678-ABC ${bought}`, /8 digits and an authorization number of 15/],
  [`install other --agreement 1*2 ${bought}`, /letters, digits, dots, slashes and hyphens/],
  ['install nothing', /Allowed choices are retail[^]*\(calbus install --help says more\)/],
  ['deactivate --out x.txt', /--out is for a request file: say --method web too/],
  ['recover --program select --agreement 12', /\(select\) must have 7 digits/],
  ['recover --program retail --agreement 12', /must be CODE- and a number/],
  ['agreements show --program open --agreement 12', /8 digits/],
  ['reactivate --reason redeployed --program select --agreement 12', /must have 7 digits/],
  ['reactivate --reason redeployed --program select --agreement 1234567 --server-id 12', /7 groups of 5/],
  [`packs remove ${'P'.repeat(34)} --quantity 1`, /35 letters and digits[^]*\(calbus packs remove --help/],
  [`packs remove ${'P'.repeat(35)} --quantity 0`, /whole number from 1/],
];

test('a number of the wrong form, one that is missing, and what does not belong: named, with exit code 2', () => {
  for (const [line, expected] of wrong) {
    const { status, said } = calbus(line);
    assert.match(said, expected, line);
    assert.equal(status, 2, line);
  }
});

test('every command that goes to the Clearinghouse, or comes back from it, can print JSON', () => {
  const commands =
    'activate|reactivate|deactivate|install|recover|packs remove|packs convert|agreements list|agreements show|backup|backup verify|restore|phone|requests|requests export|requests import|requests say|requests hear';
  for (const command of commands.split('|'))
    assert.match(calbus(`${command} --help`).said, /--json/, command);
});
