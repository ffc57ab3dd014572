// Installation into a copy of Debian's PAM file for xrdp.

import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { DEBIAN } from './domain/debian-pam-file.ts';
import { InstallProblem, installXrdp, uninstallXrdp, type InstallOptions } from './install.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'calbus-install-'));
after(() => rmSync(dir, { recursive: true, force: true }));
let files = 0;

const fresh = (over: Partial<InstallOptions> = {}) => {
  const folder = path.join(dir, `${(files += 1)}`);
  const said: string[] = [];
  const o: InstallOptions = {
    pamFile: path.join(dir, `xrdp-sesman-${files}`),
    backupFolder: folder,
    command: ['/usr/bin/timeout', '4', '/usr/bin/node', '/opt/main.js', 'check'],
    say: (line) => said.push(line),
    confirm: async () => true,
    ...over,
  };
  writeFileSync(o.pamFile, DEBIAN);
  const text = (): string => readFileSync(o.pamFile, 'utf8');
  const backup = path.join(folder, `${path.basename(o.pamFile)}.before`);
  return { o, said, text, backup };
};

test('it shows the change, makes it, and keeps a copy; uninstallation restores the file', async () => {
  const { o, said, text, backup } = fresh();
  chmodSync(o.pamFile, 0o640);
  assert.equal(await installXrdp(o), true);
  assert.match(
    said.join('\n'),
    /^\+account {2}requisite {2}pam_exec\.so stdout \/usr\/bin\/timeout 4 \/usr\/bin\/node \/opt\/main\.js check$/m,
  );
  assert.match(text(), /pam_exec\.so stdout .*check\n@include common-account/);
  assert.equal(statSync(o.pamFile).mode & 0o777, 0o640);
  assert.equal(readFileSync(backup, 'utf8'), DEBIAN);
  const installed = text();
  assert.equal(await installXrdp(o), true);
  assert.equal(text(), installed);
  assert.ok(said.includes('It is installed already.'));
  assert.equal(await uninstallXrdp(o), true);
  assert.equal(text(), DEBIAN);
  assert.equal(existsSync(backup), false);
  assert.equal(await uninstallXrdp(o), true);
  assert.equal(said.at(-1), 'It is not installed.');
  const left = readdirSync(dir).filter((f) => f.startsWith(path.basename(o.pamFile)));
  assert.deepEqual(left, [path.basename(o.pamFile)]);
});

test('uninstallation keeps later changes of the file, and the copy', async () => {
  const { o, text, backup } = fresh();
  await installXrdp(o);
  writeFileSync(o.pamFile, `${text()}session optional pam_umask.so\n`);
  await uninstallXrdp(o);
  assert.equal(text(), `${DEBIAN}session optional pam_umask.so\n`);
  assert.equal(readFileSync(backup, 'utf8'), DEBIAN);
});

test('a second installation from another path keeps the copy of the first', async () => {
  const { o, text, backup } = fresh();
  await installXrdp(o);
  await installXrdp({ ...o, command: ['/elsewhere', 'check'] });
  assert.match(text(), /stdout \/elsewhere check\n/);
  assert.equal(readFileSync(backup, 'utf8'), DEBIAN);
});

test('the answer no changes nothing; a link stays a link', async () => {
  const { o, text } = fresh({ confirm: async () => false });
  assert.equal(await installXrdp(o), false);
  assert.equal(text(), DEBIAN);
  const link = path.join(dir, 'link');
  symlinkSync(o.pamFile, link);
  await installXrdp({ ...o, pamFile: link, confirm: async () => true });
  assert.match(text(), /pam_exec/);
  assert.equal(readFileSync(link, 'utf8'), text());
});

test('problems are reported with advice', async () => {
  const { o } = fresh();
  rmSync(o.pamFile);
  await assert.rejects(
    installXrdp(o),
    (e) => e instanceof InstallProblem && /install xrdp first/.test(e.message),
  );
  writeFileSync(o.pamFile, 'auth required pam_unix.so\n');
  await assert.rejects(installXrdp(o), /There is no account line/);
});
