// A command of this repository, run to its end.

import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from '@calbus/local/repository';

const runFile = promisify(execFile);

export type CommandResult = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** The compile cache of the run, where it has one: it changes only how soon a command starts. */
export const compileCache = (): Record<string, string> => {
  const folder = process.env['NODE_COMPILE_CACHE'];
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: folder };
};

/** Runs a main file, named by its path within the repository or an absolute one; its exit code and what it printed. */
export const runMain = async (
  main: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<CommandResult> => {
  try {
    const { stdout, stderr } = await runFile(
      process.execPath,
      [path.resolve(repositoryRoot, main), ...args],
      {
        env: { ...compileCache(), PATH: process.env['PATH'] ?? '', ...env },
      },
    );
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
};
