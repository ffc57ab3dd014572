// The folders of the parts: each is a volume that only this part mounts, at `mounted`.

import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export const root = '/setup';
/** Where a part finds its folder. */
export const mounted = '/run/calbus';
export const inMounted = (name: string): string => path.join(mounted, name);

// The servers' containers run as users that we do not know. Their folders are closed by being mounted there only.
export const writeForServers = 0o644;
export const writeForOwner = 0o600;

export const write = (part: string, name: string, text: string, mode: number): void => {
  const file = path.join(root, part, name);
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, text, { mode });
};

/** Copies files that were made readable by their owner only; the copies are, too. */
export const handOver = (part: string, files: Readonly<Record<string, string>>): void => {
  for (const [name, from] of Object.entries(files)) copyFileSync(from, path.join(root, part, name));
};
