// Debian packages for these tests: PAM with pamtester, xrdp with its X server, and FreeRDP. Those of Debian 12 are installed if the host
// is Debian 12; those of Debian 13 are unpacked into a folder. On other hosts the tests are skipped with the reason.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { canInstallPackages, installPackages, isDebian } from '@calbus/local/debian';
import { repositoryRoot } from '@calbus/local/repository';
import { unpackDebian13 } from './debian-13.ts';

export type DebianSystem = {
  readonly version: 12 | 13;
  /** The root of its files: `/`, or a folder. */
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

/** Why the host cannot run a terminal server machine; undefined if it can. */
const machineProblem = (): string | undefined => {
  if (!canInstallPackages()) return 'only root can make users and PAM files for a test';
  if (spawnSync('unshare', ['--mount', '--pid', '--fork', 'true']).status !== 0)
    return 'a terminal server machine needs a mount namespace, and the host does not permit one';
  return undefined;
};

/** Installs xrdp 0.9 and FreeRDP 2. Returns the reason if the host cannot have them. */
export const debian12 = async (): Promise<DebianSystem | string> => {
  if (!isDebian() || !/^VERSION_ID="12"$/m.test(readFileSync('/etc/os-release', 'utf8')))
    return 'PAM, xrdp 0.9 and FreeRDP 2 come from Debian 12, and the host is another system';
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

/** Unpacks xrdp 0.10 and FreeRDP 3. Returns the reason if the host cannot have them. */
export const debian13 = async (): Promise<DebianSystem | string> => {
  if (!isDebian()) return "xrdp 0.10 and FreeRDP 3 come from Debian's mirror, and the host is another system";
  const why = machineProblem();
  if (why !== undefined) return why;
  const root = path.join(repositoryRoot, '.calbus', 'servers', 'debian-13');
  try {
    if (!existsSync(root)) unpackDebian13(root);
  } catch (error) {
    // CI must run every test.
    if (process.env['CI'] !== undefined) throw error;
    return `xrdp 0.10 and FreeRDP 3 cannot be fetched: ${error instanceof Error ? error.message : String(error)}`;
  }
  return { version: 13, root, client: 'xfreerdp3' };
};
