// A folder with xrdp, its X server and FreeRDP of Debian 13: the packages and their dependencies, unpacked from the host's own mirror.
// `configure` replaces the installation scripts, as far as a terminal server needs them.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { prepareApt } from '@calbus/local/debian';

const PACKAGES = [
  'base-files',
  'base-passwd',
  'busybox-static',
  'libpam-modules',
  'xrdp',
  'xorgxrdp',
  'freerdp3-x11',
  'xvfb',
];

/** Dependencies that only installation scripts, graphics cards or booted systems need. */
const EXCLUDED_PACKAGES =
  /^(adduser|debconf|fonts-.*|gcc-.*-base|init-system-helpers|keyboard-configuration|libgl1-mesa-dri|libllvm.*|libsemanage.*|libsepol.*|libsystemd-shared|libvulkan1|libwayland-.*|libz3-.*|login\.defs|mawk|mesa-libgallium|mount|passwd|perl-base|ssl-cert|systemd|sysvinit-utils|udev|x11-common|xserver-common)$/;

const unpack = (work: string, root: string): void => {
  // An empty status file: apt then takes no package for installed.
  writeFileSync(path.join(work, 'status'), '');
  const apt = [...prepareApt(work, 'trixie'), `-oDir::State::status=${work}/status`];
  const ask = (...args: string[]): string =>
    execFileSync('apt-get', [...apt, ...args], {
      cwd: work,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  ask('update');
  const all = ask('--simulate', '--no-install-recommends', 'install', ...PACKAGES).matchAll(/^Inst (\S+)/gm);
  ask('download', ...[...all].map(([, name = '']) => name).filter((name) => !EXCLUDED_PACKAGES.test(name)));
  mkdirSync(root);
  for (const deb of globSync('*.deb', { cwd: work }).toSorted()) {
    const files = execFileSync('dpkg-deb', ['--fsys-tarfile', deb], { cwd: work, maxBuffer: 2 ** 30 });
    // base-files is unpacked early, and its /bin must stay a link.
    const options = [
      '--keep-directory-symlink',
      '--exclude=./usr/share/doc/*',
      '--exclude=./usr/share/locale/*',
    ];
    execFileSync('tar', ['-x', '-C', root, ...options], { input: files });
  }
};

const configure = (root: string): void => {
  const at = (place: string): string => path.join(root, place);
  const there = (command: string, ...args: string[]): unknown =>
    execFileSync('chroot', [root, command, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  there('/usr/bin/busybox', '--install', '-s', '/usr/bin');
  for (const name of ['passwd', 'group'])
    cpSync(at(`usr/share/base-passwd/${name}.master`), at(`etc/${name}`));
  writeFileSync(at('etc/shadow'), 'root:*:20000:0:99999:7:::\n', { mode: 0o640 });
  writeFileSync(at('etc/nsswitch.conf'), 'passwd: files\ngroup: files\nshadow: files\nhosts: files\n');
  for (const name of globSync('common-*', { cwd: '/etc/pam.d' }))
    cpSync(path.join('/etc/pam.d', name), at(`etc/pam.d/${name}`));
  there('xrdp-keygen', 'xrdp', '/etc/xrdp/rsakeys.ini');
  const [key, certificate] = [at('etc/xrdp/key.pem'), at('etc/xrdp/cert.pem')];
  const made = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '3650', '-subj', '/CN=xrdp'];
  execFileSync('openssl', ['req', ...made, '-keyout', key, '-out', certificate], { stdio: 'ignore' });
  for (const name of ['proc', 'dev', 'run', 'root', 'var/lib/xkb']) mkdirSync(at(name), { recursive: true });
  chmodSync(at('tmp'), 0o1777);
  chmodSync(root, 0o755);
};

/** Creates `folder` atomically. */
export const unpackDebian13 = (folder: string): void => {
  console.log('Fetching xrdp 0.10 and FreeRDP 3 (packages of Debian 13, into a folder) …');
  mkdirSync(path.dirname(folder), { recursive: true });
  const work = mkdtempSync(path.join(path.dirname(folder), '.fetch-'));
  const root = path.join(work, 'root');
  try {
    unpack(work, root);
    configure(root);
    renameSync(root, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
};
