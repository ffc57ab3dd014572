// What these tests did not make themselves: PAM with its tester, xrdp with its X server, and FreeRDP, from Debian. Those of Debian 12 are
// installed, where this machine is one; those of Debian 13 are unpacked into a folder. Elsewhere the tests are skipped, and say why.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { canInstallPackages, installPackages, isDebian } from '@calbus/local/debian';
import { repositoryRoot } from '@calbus/local/repository';
import { unpackDebian13 } from './debian-13.ts';

export type DebianSystem = {
  readonly version: 12 | 13;
  /** Where its files are: this machine's own, or a folder. */
  readonly root: string;
  /** Its FreeRDP client. */
  readonly client: string;
};

const REQUIRED_FILES = {
  '/usr/bin/pamtester': 'pamtester',
  '/usr/sbin/xrdp': 'xrdp',
  '/usr/lib/xorg/modules/libxorgxrdp.so': 'xorgxrdp',
  '/usr/bin/xfreerdp': 'freerdp2-x11',
  '/usr/bin/Xvfb': 'xvfb',
};

/** Why no terminal server machine can be made at all; undefined where one can. */
const machineProblem = (): string | undefined => {
  if (!canInstallPackages()) return 'users and PAM are made for a test by root alone';
  if (spawnSync('unshare', ['--mount', '--pid', '--fork', 'true']).status !== 0)
    return 'users, PAM and xrdp have files of their own in a mount namespace, which may not be made here';
  return undefined;
};

/** xrdp 0.9 and FreeRDP 2, once they are installed; or why they cannot be had here. */
export const debian12 = async (): Promise<DebianSystem | string> => {
  if (!isDebian() || !/^VERSION_ID="12"$/m.test(readFileSync('/etc/os-release', 'utf8')))
    return 'PAM, xrdp 0.9 and FreeRDP 2 are taken from Debian 12, and this is another system';
  const why = machineProblem();
  if (why !== undefined) return why;
  const missing = Object.entries(REQUIRED_FILES).filter(([file]) => !existsSync(file));
  if (missing.length > 0)
    await installPackages(
      missing.map(([, name]) => name),
      console.log,
    );
  return { version: 12, root: '/', client: 'xfreerdp' };
};

/** xrdp 0.10 and FreeRDP 3, once they are unpacked; or why they cannot be had here. */
export const debian13 = async (): Promise<DebianSystem | string> => {
  if (!isDebian())
    return "xrdp 0.10 and FreeRDP 3 are taken from Debian's mirror, and this is another system";
  const why = machineProblem();
  if (why !== undefined) return why;
  const root = path.join(repositoryRoot, '.calbus', 'servers', 'debian-13');
  try {
    if (!existsSync(root)) unpackDebian13(root);
  } catch (error) {
    // Where everything is to be tried, that it cannot be is a failure.
    if (process.env['CI'] !== undefined) throw error;
    return `xrdp 0.10 and FreeRDP 3 cannot be fetched: ${error instanceof Error ? error.message : String(error)}`;
  }
  return { version: 13, root, client: 'xfreerdp3' };
};
