// This replica's own witness of the ledger: a small file, replaced as a whole.

import { mkdirSync, readFileSync } from 'node:fs';
import { open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { laterFormatProblem } from '@calbus/contracts/stored-format';
import { ledgerWitness } from '@calbus/contracts/witness';
import type { Log } from '@calbus/runtime/log';
import type { WitnessFile } from '../ports.ts';

/** Throws a sentence if a later release wrote the file: this release would write over what it cannot read. */
const refuseLaterFormat = (file: string): void => {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return; // `ask` reports it
  }
  const problem = laterFormatProblem(file, value, 1);
  if (problem !== undefined) throw new Error(problem);
};

export const witnessFile = (dataDir: string, log: Log): WitnessFile => {
  const file = path.join(dataDir, 'ledger-witness.json');
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  refuseLaterFormat(file);
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
      return { seen: parsed.success ? [parsed.data] : [], activated: false };
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
