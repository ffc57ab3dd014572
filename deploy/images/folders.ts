// The folders of the parts: each is a volume that only this part mounts, at `mounted`.

import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export const root = '/setup';
/** The path of a part's folder in its container. */
export const mounted = '/run/calbus';
export const inMounted = (name: string): string => path.join(mounted, name);

// The user ids of the servers' containers are unknown. Only those containers mount these folders, which protects the files.
export const writeForServers = 0o644;
export const writeForOwner = 0o600;

export const write = (part: string, name: string, text: string, mode: number): void => {
  const file = path.join(root, part, name);
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, text, { mode });
};

/** Copies files that only their owner may read. The copies have the same mode. */
export const handOver = (part: string, files: Readonly<Record<string, string>>): void => {
  for (const [name, from] of Object.entries(files)) copyFileSync(from, path.join(root, part, name));
};
