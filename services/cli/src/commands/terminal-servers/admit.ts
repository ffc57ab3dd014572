// `calbus admit`: whether a terminal server lets a client in at a log-on, by which row, and with which license.

import { readFileSync, writeFileSync } from 'node:fs';
import { Option } from 'commander';
import { productVersion } from '@calbus/contracts/versions';
import {
  natsEndpoint,
  readSecret,
  terminalServerSeedFile,
  terminalServerEntry,
  type Profile,
} from '@calbus/operator-client/profile';
import { admissionRowDescriptions, rowDescriptions } from '@calbus/operator-client/row-descriptions';
import { day, describeDecision, plain } from '@calbus/operator-client/text';
import {
  connect,
  type Admission,
  type LicenseRequest,
  type TerminalServer,
  type TerminalServerMode,
} from '@calbus/terminal-server/client';
import { fileStore } from '@calbus/terminal-server/file-store';
import type { DefineCommand } from '../../command-context.ts';
import { green, json, labelled, red, say, yellow } from '../../print.ts';
import { addClientOptions, licenseRequest, type ClientOptions } from './client-options.ts';

/** `none`: no licensing mode is configured. */
const modes = ['per-device', 'per-user', 'remote-administration', 'none'] as const;

type AdmitOptions = ClientOptions & {
  /** The file of the terminal server's persisted state. */
  readonly store: string;
  /** The file of the client's license. */
  readonly client?: string;
  readonly mode?: (typeof modes)[number];
};

const connectAs = async (profile: Profile, o: AdmitOptions): Promise<TerminalServer> => {
  const entry = terminalServerEntry(profile, o.terminalServer);
  const selected = o.mode ?? entry.mode ?? 'none';
  const mode: TerminalServerMode | undefined = selected === 'none' ? undefined : selected;
  return connect({
    ...natsEndpoint(profile),
    seed: readSecret(terminalServerSeedFile(profile, o.terminalServer)),
    terminalServerId: o.terminalServer,
    ...(mode === undefined ? {} : { mode }),
    version: o.productVersion === undefined ? entry.version : productVersion.parse(o.productVersion),
    roots: [readFileSync(profile.clearinghouseRootFile, 'utf8')],
    store: fileStore(o.store),
  });
};

const readClientLicense = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
};

const describeGrace = (server: TerminalServer, daysLeft: number | null): string => {
  const { grace } = server.status();
  if (daysLeft !== null) return `${daysLeft} days left`;
  if (grace === null) return 'not begun';
  if (grace.over === 'license') return 'ended with the first full license';
  return `${grace.over === 'time' ? 'ended' : 'ends'} ${day(grace.endsAt)}`;
};

const line = labelled(9);

const show = (server: TerminalServer, a: Admission): void => {
  say(a.admit ? green('let in') : red(`refused: ${a.refusal.code}`));
  line('row', `${a.row}: ${admissionRowDescriptions[a.row]}`);
  if (a.decision) {
    const { row } = a.decision;
    line('server', `${row}: ${describeDecision(a.decision)} (${rowDescriptions[row]})`);
  }
  if (a.fault) line('server', plain(`${a.fault.detail} (${a.fault.code})`));
  if (a.notCounted !== null) line('presented', plain(`a license that does not count: ${a.notCounted}`));
  line('client', a.license === null ? 'is given nothing new' : 'is given a license to keep');
  line('grace', describeGrace(server, a.graceDaysLeft));
  const { unsaved } = server.status();
  if (unsaved !== null)
    say(
      yellow(plain(`The state of the terminal server could not be written, so it has no grace: ${unsaved}`)),
    );
  if (!a.admit) say(plain(`${a.refusal.says} ${a.refusal.todo}`));
};

const admitOnce = async (server: TerminalServer, request: LicenseRequest): Promise<Admission> => {
  try {
    return await server.admit(request);
  } finally {
    await server.close();
  }
};

const admit = async (profile: Profile, o: AdmitOptions): Promise<void> => {
  const presented = o.client === undefined ? undefined : readClientLicense(o.client);
  const server = await connectAs(profile, o);
  const request = { ...licenseRequest(o), ...(presented === undefined ? {} : { presented }) };
  const a = await admitOnce(server, request);
  if (o.client !== undefined && a.license !== null)
    writeFileSync(o.client, `${a.license}\n`, { mode: 0o600 });
  const { grace, unsaved } = server.status();
  if (o.json) json({ ...a, grace, unsaved });
  else show(server, a);
};

export const define: DefineCommand = (command, { profile }) => {
  addClientOptions(command)
    .requiredOption('--store <file>', "the terminal server's state: its grace period and trusted keys")
    .option('--client <file>', "the client's license: it is presented from there, and a new one put there")
    .addOption(new Option('--mode <mode>', "instead of the profile's licensing mode").choices(modes))
    .action(async (o: AdmitOptions) => admit(await profile(), o));
};
