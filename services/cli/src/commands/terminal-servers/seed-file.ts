// The file with the private half of a terminal server's key pair. It is written once, for that server's administrator.

import { rmSync, writeFileSync } from 'node:fs';
import { Problem } from '@calbus/operator-client/problem';

/** Readable by its owner only, and never over an existing file. Returns the undo. */
export const writeSeedFile = (file: string, seed: string): (() => void) => {
  try {
    writeFileSync(file, `${seed}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EEXIST')
      throw new Problem(
        'FILE_EXISTS',
        `${file} exists and may be the seed of another identity. Name another file.`,
      );
    throw new Problem(
      'CANNOT_WRITE',
      `${file} cannot be written (${code ?? 'error'}), so nothing was changed.`,
    );
  }
  return () => rmSync(file, { force: true });
};
