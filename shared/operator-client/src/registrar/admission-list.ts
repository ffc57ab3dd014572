// The folder with the list of terminal servers that may connect, and the same list as nats-server reads it. It holds only public keys.
// Each file is replaced as a whole, by one command at a time.

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { admissionList, type AdmissionEntries } from '@calbus/contracts/admission-list';
import { terminalServerUsers } from '@calbus/contracts/nats-users';
import { laterFormatProblem } from '@calbus/contracts/stored-format';
import { Problem } from '../problem.ts';

const listFile = (folder: string): string => path.join(folder, 'terminal-servers.json');
/** The configuration of nats-server includes this file. */
export const natsUsersFile = (folder: string): string => path.join(folder, 'users.conf');

// nats-server may run as another user, and the files hold no secret.
const mode = 0o644;

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';

const replaceFile = (file: string, text: string): void => {
  writeFileSync(`${file}.new`, text, { mode });
  renameSync(`${file}.new`, file);
};

/** Explains a missing permission. */
const withPermission = <T>(folder: string, act: () => T): T => {
  try {
    return act();
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS'].includes(codeOf(error))) throw error;
    throw new Problem(
      'NOT_PERMITTED',
      `${folder} may not be written by you: the user who admits terminal servers needs that right. Run this as its owner.`,
    );
  }
};

export const admissionListExists = (folder: string): boolean => existsSync(listFile(folder));

export const readAdmissionList = (folder: string): AdmissionEntries => {
  const file = listFile(folder);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const why = codeOf(error) === 'ENOENT' ? 'is not there' : 'cannot be read';
    throw new Problem('NO_LIST', `${file} ${why}: is "folder" of the profile the deployment's?`);
  }
  const later = laterFormatProblem(file, value, 1);
  if (later !== undefined) throw new Problem('LATER_VERSION', later);
  const parsed = admissionList.safeParse(value);
  if (parsed.success) return parsed.data.terminalServers;
  const where = parsed.error.issues[0]?.path.join('.') ?? '';
  throw new Problem(
    'BAD_LIST',
    `${file} is not a list of terminal servers (at "${where}"). Put a copy back.`,
  );
};

export const writeAdmissionList = (folder: string, terminalServers: AdmissionEntries): void =>
  withPermission(folder, () => {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    replaceFile(listFile(folder), `${JSON.stringify({ terminalServers }, null, 2)}\n`);
    const keys = Object.entries(terminalServers).map(([id, { publicKey }]) => [id, publicKey] as const);
    replaceFile(
      natsUsersFile(folder),
      `# Written by calbus terminal-server.\n${terminalServerUsers(Object.fromEntries(keys))}\n`,
    );
  });

/** Excludes other commands that change the list. */
export const withAdmissionLock = async <T>(folder: string, act: () => Promise<T>): Promise<T> => {
  const file = path.join(folder, 'terminal-servers.lock');
  try {
    withPermission(folder, () => writeFileSync(file, `${process.pid}\n`, { flag: 'wx', mode }));
  } catch (error) {
    if (codeOf(error) === 'ENOENT')
      throw new Problem('NO_LIST', `${folder} is not there: is "folder" of the profile the deployment's?`);
    if (codeOf(error) !== 'EEXIST') throw error;
    throw new Problem(
      'BUSY',
      `Another command changes the terminal servers just now: try again. Where none does, one was interrupted: delete ${file}.`,
    );
  }
  try {
    return await act();
  } finally {
    rmSync(file, { force: true });
  }
};
