import path from 'node:path';
import { parseArgs } from 'node:util';
import { repositoryRoot } from './repository.ts';

export type LauncherOptions = {
  /** Do the main job once, stop everything, and exit. */
  readonly once: boolean;
  /** An empty ledger waits for a backup. */
  readonly awaitRestore: boolean;
  /** Also start the session gateway in front of this RDP server: host:port. */
  readonly rdp: string | undefined;
  /** Absolute. */
  readonly dataDir: string;
};

/** Throws a sentence for an option that it does not know. A relative `--data` starts at the folder the user stands in. */
export function readOptions(args: readonly string[]): LauncherOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        once: { type: 'boolean', default: false },
        'await-restore': { type: 'boolean', default: false },
        rdp: { type: 'string' },
        data: { type: 'string', default: '' },
      },
    });
    // npm runs its scripts in the repository and sets INIT_CWD to the user's current folder.
    const here = process.env['INIT_CWD'] ?? process.cwd();
    const dataDir =
      values.data === '' ? path.join(repositoryRoot, '.calbus') : path.resolve(here, values.data);
    if (values.rdp !== undefined && !/^[^\s:]+:[0-9]{1,5}$/.test(values.rdp))
      throw new Error(`--rdp is the host:port of an RDP server, but "${values.rdp}" is not.`);
    return { once: values.once, awaitRestore: values['await-restore'], rdp: values.rdp, dataDir };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${reason.replace(/\.?$/, '.')} \`npm start -- --help\` shows the options.`, {
      cause: error,
    });
  }
}
