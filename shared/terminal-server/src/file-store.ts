// One JSON file, for one process at a time. A new one is written beside it and takes its name, so that there is always a whole one.

import { open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { firstIssue } from '@calbus/contracts/envelope';
import { kept, type Kept, type Store } from './store.ts';

const unreadable = (file: string, why: string): Error =>
  new Error(
    `${file} is not what a terminal server keeps (${why}). Put back a copy of it. Without one, remove the file: ` +
      'the grace period then begins anew, and log-ons that were not confirmed are forgotten.',
  );

const parse = (file: string, text: string): Kept => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw unreadable(file, 'it is not JSON');
  }
  const parsed = kept.safeParse(value);
  if (!parsed.success) throw unreadable(file, firstIssue(parsed.error));
  return parsed.data;
};

const flush = async (name: string, flags: string, content?: string): Promise<void> => {
  const handle = await open(name, flags, 0o600);
  try {
    if (content !== undefined) await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
};

export const fileStore = (file: string): Store => ({
  load: async () => {
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      throw new Error(`${file} cannot be read (${code}): let the terminal server read and write it.`, {
        cause: error,
      });
    }
    return parse(file, text);
  },
  save: async (k) => {
    const next = `${file}.next`;
    await flush(next, 'w', `${JSON.stringify(k)}\n`);
    await rename(next, file);
    await flush(path.dirname(file), 'r');
  },
});
