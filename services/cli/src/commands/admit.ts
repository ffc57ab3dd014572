// Acting as a terminal server at a log-on: whether the client is let in, by which row, and what it is given.

import { readFileSync, writeFileSync } from 'node:fs';
import {
  connect,
  type Admission,
  type LicenseRequest,
  type TerminalServer,
  type TerminalServerMode,
} from '@calbus/terminal-server/client';
import { fileStore } from '@calbus/terminal-server/file-store';
import type { ProductVersion } from '@calbus/contracts/versions';
import { bold, day, green, json, plain, red, say, yellow } from '../print.ts';
import {
  natsEndpoint,
  readSecret,
  terminalServerSeedFile,
  terminalServerEntry,
  type Profile,
} from '@calbus/operator-client/profile';
import { admissionRowDescriptions, rowDescriptions } from '@calbus/operator-client/row-descriptions';
import { describeDecision } from '@calbus/operator-client/terminal-server-connection';

/** `none`: no licensing mode is configured. */
export const admitModes = ['per-device', 'per-user', 'remote-administration', 'none'] as const;

export type AdmitOptions = {
  readonly storeFile: string;
  readonly mode?: (typeof admitModes)[number];
  readonly version?: ProductVersion;
  /** A file for the license that the client is to keep, and from which it is presented. */
  readonly clientFile?: string;
};

const connectAs = async (profile: Profile, id: string, o: AdmitOptions): Promise<TerminalServer> => {
  const known = terminalServerEntry(profile, id);
  const chosen = o.mode ?? known.mode ?? 'none';
  const mode: TerminalServerMode | undefined = chosen === 'none' ? undefined : chosen;
  return connect({
    ...natsEndpoint(profile),
    seed: readSecret(terminalServerSeedFile(profile, id)),
    terminalServerId: id,
    ...(mode === undefined ? {} : { mode }),
    version: o.version ?? known.version,
    roots: [readFileSync(profile.clearinghouseRootFile, 'utf8')],
    store: fileStore(o.storeFile),
  });
};

const presentedFrom = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
};

const graceWords = (server: TerminalServer, daysLeft: number | null): string => {
  const { grace } = server.status();
  if (daysLeft !== null) return `${daysLeft} days left`;
  if (grace === null) return 'not begun';
  if (grace.over === 'license') return 'ended with the first full license';
  return `${grace.over === 'time' ? 'ended' : 'ends'} ${day(grace.endsAt)}`;
};

const show = (server: TerminalServer, a: Admission): void => {
  say(a.admit ? green('let in') : red(`refused: ${a.refusal.code}`));
  say(`${bold('row')}       ${a.row}: ${admissionRowDescriptions[a.row]}`);
  if (a.decision) {
    const { row } = a.decision;
    say(`${bold('server')}    ${row}: ${describeDecision(a.decision)} (${rowDescriptions[row]})`);
  }
  if (a.fault) say(`${bold('server')}    ${plain(`${a.fault.detail} (${a.fault.code})`)}`);
  if (a.notCounted !== null)
    say(`${bold('presented')} ${plain(`a license that does not count: ${a.notCounted}`)}`);
  say(`${bold('client')}    ${a.license === null ? 'is given nothing new' : 'is given a license to keep'}`);
  say(`${bold('grace')}     ${graceWords(server, a.graceDaysLeft)}`);
  const { unsaved } = server.status();
  if (unsaved !== null)
    say(yellow(plain(`What the terminal server keeps could not be written, so it has no grace: ${unsaved}`)));
  if (!a.admit) say(plain(`${a.refusal.says} ${a.refusal.todo}`));
};

export const admit = async (
  profile: Profile,
  id: string,
  o: AdmitOptions,
  ask: LicenseRequest,
  asJson: boolean,
): Promise<void> => {
  const presented = o.clientFile === undefined ? undefined : presentedFrom(o.clientFile);
  const server = await connectAs(profile, id, o);
  const admitted = async (): Promise<Admission> => {
    try {
      return await server.admit({ ...ask, ...(presented === undefined ? {} : { presented }) });
    } finally {
      await server.close();
    }
  };
  const a = await admitted();
  if (o.clientFile !== undefined && a.license !== null)
    writeFileSync(o.clientFile, `${a.license}\n`, { mode: 0o600 });
  const { grace, unsaved } = server.status();
  if (asJson) json({ ...a, grace, unsaved });
  else show(server, a);
};
