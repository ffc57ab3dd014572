// What these tests did not make themselves: xrdp, its X server, and FreeRDP, from Debian. Installed where that is possible; elsewhere the
// tests are skipped, and say why.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { canInstallPackages, installPackages, isDebian } from '@calbus/local/debian';

const needed = {
  '/usr/sbin/xrdp': 'xrdp',
  '/usr/lib/xorg/modules/libxorgxrdp.so': 'xorgxrdp',
  '/usr/bin/xfreerdp': 'freerdp2-x11',
  '/usr/bin/Xvfb': 'xvfb',
};

/** Undefined once everything is there; else why these tests cannot run here. */
export const whyNot = async (): Promise<string | undefined> => {
  if (!isDebian()) return 'xrdp and FreeRDP are taken from Debian, and this is another system';
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
