// Adds calbus's line to the PAM file of xrdp and removes it. Shows the change, asks for confirmation, and keeps a copy of the file.

import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { diff } from './domain/diff.ts';
import { hasGate, withGate, withoutGate } from './domain/pam-file.ts';

export type InstallOptions = {
  readonly pamFile: string;
  readonly backupFolder: string;
  /** The command that PAM runs. */
  readonly command: readonly string[];
  readonly say: (line: string) => void;
  /** Asks the administrator to confirm the change that was shown. */
  readonly confirm: (question: string) => Promise<boolean>;
};

/** A problem that an administrator can solve, in one sentence. */
export class InstallProblem extends Error {}

const problemOf = (file: string, error: unknown): InstallProblem => {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT')
    return new InstallProblem(`${file} is not there: install xrdp first, or name its file with --pam-file.`);
  if (code === 'EACCES' || code === 'EPERM')
    return new InstallProblem(`${file} may not be read or written by you: run this as root.`);
  return new InstallProblem(`${file}: ${code ?? 'it cannot be changed'}.`);
};

const backupOf = (o: InstallOptions): string =>
  path.join(o.backupFolder, `${path.basename(o.pamFile)}.before`);

/** Replaces the file atomically and keeps its owner and mode, because PAM may read the file at any moment. */
const replace = (file: string, text: string): void => {
  const { mode, uid, gid } = statSync(file);
  const next = `${file}.calbus-next`;
  const handle = openSync(next, 'w', 0o600);
  try {
    writeFileSync(handle, text);
    chownSync(next, uid, gid);
    chmodSync(next, mode & 0o7777);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(next, file);
};

const change = async (
  o: InstallOptions,
  make: (text: string) => { readonly text: string; readonly already: string },
): Promise<boolean> => {
  let file = o.pamFile;
  try {
    file = realpathSync(o.pamFile);
    const before = readFileSync(file, 'utf8');
    const { text, already } = make(before);
    if (text === before) {
      o.say(already);
      return true;
    }
    o.say(`${file}:\n${diff(before, text)}`);
    if (!(await o.confirm(`Change ${file}?`))) {
      o.say('Nothing was changed.');
      return false;
    }
    if (!hasGate(before)) {
      mkdirSync(o.backupFolder, { recursive: true, mode: 0o755 });
      writeFileSync(backupOf(o), before, { mode: 0o644 });
    }
    replace(file, text);
    return true;
  } catch (error) {
    throw error instanceof InstallProblem ? error : problemOf(file, error);
  }
};

export const installXrdp = async (o: InstallOptions): Promise<boolean> => {
  const done = await change(o, (text) => {
    const changed = withGate(text, o.command);
    if (!changed.ok) throw new InstallProblem(`${o.pamFile}: ${changed.says}`);
    return { text: changed.text, already: 'It is installed already.' };
  });
  if (done)
    o.say(`As it was: ${backupOf(o)}. Undo: calbus-agent uninstall xrdp. xrdp need not be restarted.`);
  return done;
};

export const uninstallXrdp = async (o: InstallOptions): Promise<boolean> => {
  const done = await change(o, (text) => ({ text: withoutGate(text), already: 'It is not installed.' }));
  if (!done) return false;
  const now = readFileSync(o.pamFile, 'utf8');
  try {
    if (readFileSync(backupOf(o), 'utf8') === now) rmSync(backupOf(o));
    else o.say(`The file was changed since: as it was before the installation it is in ${backupOf(o)}.`);
  } catch {
    // There is no copy to compare with.
  }
  return true;
};
