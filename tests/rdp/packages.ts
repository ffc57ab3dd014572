// What these tests did not make themselves: PAM with its tester, xrdp with its X server, and FreeRDP, from Debian. Installed where that
// is possible; elsewhere the tests are skipped, and say why.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { canInstallPackages, installPackages, isDebian } from '@calbus/local/debian';

const needed = {
  '/usr/bin/pamtester': 'pamtester',
  '/usr/sbin/xrdp': 'xrdp',
  '/usr/lib/xorg/modules/libxorgxrdp.so': 'xorgxrdp',
  '/usr/bin/xfreerdp': 'freerdp2-x11',
  '/usr/bin/Xvfb': 'xvfb',
};

/** Undefined once everything is there; else why these tests cannot run here. */
export const whyNot = async (): Promise<string | undefined> => {
  // Later ones have xrdp 0.10 and FreeRDP 3, whose logs and switches are others.
  if (!isDebian() || !/^VERSION_ID="12"$/m.test(readFileSync('/etc/os-release', 'utf8')))
    return 'PAM, xrdp 0.9 and FreeRDP 2 are taken from Debian 12, and this is another system';
  if (!canInstallPackages()) return 'users and PAM are made for a test by root alone';
  if (spawnSync('unshare', ['--mount', '--pid', '--fork', 'true']).status !== 0)
    return 'users, PAM and xrdp have files of their own in a mount namespace, which may not be made here';
  const missing = Object.entries(needed).filter(([file]) => !existsSync(file));
  if (missing.length > 0)
    await installPackages(
      missing.map(([, name]) => name),
      console.log,
    );
  return undefined;
};
