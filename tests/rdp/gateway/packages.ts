// What these tests did not make themselves: xrdp, its X server, and FreeRDP, from Debian. Installed where that is possible; elsewhere the
// tests are skipped, and say why.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { canInstallPackages, installPackages, isDebian } from '@calbus/local/debian';

const needed = {
  '/usr/sbin/xrdp': 'xrdp',
  '/usr/lib/xorg/modules/libxorgxrdp.so': 'xorgxrdp',
  '/usr/bin/xfreerdp': 'freerdp2-x11',
  '/usr/bin/Xvfb': 'xvfb',
};

/** Undefined once everything is there; else why these tests cannot run here. */
export const whyNot = async (): Promise<string | undefined> => {
  // Later ones have xrdp 0.10 and FreeRDP 3, whose logs and switches are others.
  if (!isDebian() || !/^VERSION_ID="12"$/m.test(readFileSync('/etc/os-release', 'utf8')))
    return 'xrdp 0.9 and FreeRDP 2 are taken from Debian 12, and this is another system';
  if (!canInstallPackages()) return 'xrdp lets users log on only where it runs as root';
  if (spawnSync('unshare', ['--mount', '--pid', '--fork', 'true']).status !== 0)
    return 'xrdp runs with files of its own in a mount namespace, which may not be made here';
  const missing = Object.entries(needed).filter(([file]) => !existsSync(file));
  if (missing.length > 0)
    await installPackages(
      missing.map(([, name]) => name),
      console.log,
    );
  return undefined;
};
