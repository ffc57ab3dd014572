// A command of either release, run to its end.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const runFile = promisify(execFile);
const COMMAND_TIMEOUT_MS = 30_000;

/** Its standard output. Rejects with what it printed where its exit code is not 0. */
export const runCommand = async (
  main: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> => {
  try {
    const { stdout } = await runFile(process.execPath, [main, ...args], {
      env: { PATH: process.env['PATH'] ?? '', ...env },
      timeout: COMMAND_TIMEOUT_MS,
    });
    return stdout;
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: unknown; stdout?: string; stderr?: string };
    throw new Error(`${main} ${args.join(' ')}: ${String(code)}\n${stdout ?? ''}${stderr ?? ''}`, {
      cause: error,
    });
  }
};
