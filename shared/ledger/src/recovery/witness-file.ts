// This replica's own witness: a small file, replaced as a whole.

import { mkdirSync } from 'node:fs';
import { open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import type { Log } from '@calbus/runtime/log';
import { ledgerWitness, type OwnWitness } from './witness.ts';

export const witnessFile = (dataDir: string, log: Log): OwnWitness => {
  const file = path.join(dataDir, 'ledger-witness.json');
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const read = async (): Promise<unknown> => {
    try {
      return JSON.parse(await readFile(file, 'utf8')) as unknown;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      if (error instanceof SyntaxError) return null;
      throw error;
    }
  };
  return {
    name: 'file',
    ask: async () => {
      const found = await read();
      const parsed = ledgerWitness.safeParse(found);
      if (!parsed.success && found !== undefined) log.warn({ file }, 'this file is no witness of the ledger');
      return { seen: parsed.success ? [parsed.data] : [] };
    },
    save: async (witness) => {
      const half = `${file}.${process.pid}.new`;
      const handle = await open(half, 'w', 0o600);
      try {
        await handle.writeFile(`${JSON.stringify(witness)}\n`);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(half, file);
    },
  };
};
