// A terminal server machine in a mount namespace: Debian's PAM and an unmodified xrdp, with its own users, PAM files, configuration and
// /run. The host does not change, and several machines can run side by side. The machine shares the host's network.

import { execFile, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePorts } from '@calbus/local/ports';
import { repositoryRoot } from '@calbus/local/repository';
import {
  startChildProcess,
  type ManagedProcessOptions,
  type ManagedProcess,
} from '@calbus/local/managed-process';
import { eventually } from '@calbus/test-support/eventually';
import type { DebianSystem } from './packages.ts';

export type MachineCommandResult = { readonly code: number; readonly output: string };

export type Machine = {
  /** A folder with the same path on the host. */
  readonly dir: string;
  /** The port of its xrdp, also on the host. */
  readonly port: number;
  readonly password: string;
  /** Runs a command on the machine. Its environment holds only PATH. */
  readonly run: (command: string, args: readonly string[], input?: string) => Promise<MachineCommandResult>;
  /** Starts a process on the machine, which ends with the machine. */
  readonly start: (
    command: string,
    args: readonly string[],
    options?: Partial<ManagedProcessOptions>,
  ) => Promise<ManagedProcess>;
  readonly startXrdp: () => Promise<void>;
  /** The log of xrdp-sesman. */
  readonly log: () => string;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

const FIRST_UID = 58_431;
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

const editFile = (file: string, change: (text: string) => string): void =>
  writeFileSync(file, change(readFileSync(file, 'utf8')));

const isListening = (port: number, host: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });

export const startMachine = async (users: readonly string[], { root }: DebianSystem): Promise<Machine> => {
  const there = (place: string): string => path.join(root, place);
  const dir = mkdtempSync(path.join(tmpdir(), 'calbus-machine-'));
  // A user's session must reach its home.
  chmodSync(dir, 0o755);
  const at = (name: string): string => path.join(dir, name);
  const [port = 0, sesmanPort = 0, display = 0] = await freePorts(3);
  const password = 'correct horse';
  const { stdout } = spawnSync('openssl', ['passwd', '-6', '-stdin'], { input: password, encoding: 'utf8' });
  const entries = users.map((user, n) => {
    const uid = FIRST_UID + n;
    mkdirSync(at(user));
    spawnSync('chown', [`${uid}:${uid}`, at(user)]);
    return {
      passwd: `${user}:x:${uid}:${uid}::${at(user)}:/bin/sh`,
      group: `${user}:x:${uid}:`,
      shadow: `${user}:${stdout.trim()}:20000:0:99999:7:::`,
    };
  });
  for (const name of ['passwd', 'group', 'shadow'] as const) {
    cpSync(there(`etc/${name}`), at(name));
    editFile(at(name), (text) => `${text.trimEnd()}\n${entries.map((e) => e[name]).join('\n')}\n`);
  }
  cpSync(there('etc/pam.d'), at('pam.d'), { recursive: true, verbatimSymlinks: true });
  cpSync(there('etc/xrdp'), at('xrdp'), { recursive: true, verbatimSymlinks: true });
  editFile(at('xrdp/xrdp.ini'), (text) =>
    text
      .replace(/^port=3389$/m, `port=tcp://127.0.0.1:${port}`)
      .replace(/^security_layer=.*$/m, 'security_layer=tls')
      .replace(/^LogFile=.*$/m, `LogFile=${at('xrdp.log')}`),
  );
  editFile(at('xrdp/sesman.ini'), (text) =>
    text
      .replace(/^ListenPort=.*$/m, `ListenPort=${sesmanPort}`)
      .replace(/^X11DisplayOffset=.*$/m, `X11DisplayOffset=${display}`)
      .replace(/^#MaxDisplayNumber=.*$/m, `MaxDisplayNumber=${display + 50}`)
      .replace(/^LogFile=.*$/m, `LogFile=${at('sesman.log')}`),
  );
  // A session consists of its X server.
  writeFileSync(at('xrdp/startwm.sh'), '#!/bin/sh\nexec sleep 100000\n', { mode: 0o755 });

  const script = [
    'set -e',
    // The machine shares with the host: temporary files, this repository for PAM's hooks, and the kernel's file systems.
    ...(root === '/' ? [] : [tmpdir(), repositoryRoot, '/proc', '/dev']).map(
      (same) => `mkdir -p ${there(same)} && mount --rbind ${same} ${there(same)}`,
    ),
    `mount -t tmpfs tmpfs ${there('run')}`,
    `mkdir -p ${there('run/xrdp/sockdir')} && chmod 3777 ${there('run/xrdp/sockdir')}`,
    ...['xrdp', 'pam.d', 'passwd', 'group', 'shadow'].map(
      (of) => `mount --bind ${at(of)} ${there(`etc/${of}`)}`,
    ),
    `touch ${at('up')}`,
    `until test -e ${at('xrdp-wanted')}; do sleep 0.1; done`,
    `chroot ${root} xrdp-sesman -n &`,
    `chroot ${root} xrdp -n &`,
    'wait',
  ].join('\n');
  const machine = await startChildProcess(
    'unshare',
    ['--mount', '--pid', '--fork', '--kill-child=SIGKILL', 'sh', '-c', script],
    { env: { PATH }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  for (const stream of [machine.child.stdout, machine.child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
  const started: ManagedProcess[] = [];
  const dispose = async (): Promise<void> => {
    for (const process of started) await process.stop();
    await machine.kill();
    rmSync(dir, { recursive: true, force: true });
  };
  const inside = (command: string, args: readonly string[]): string[] => [
    `--mount=/proc/${machine.pid}/ns/mnt`,
    'chroot',
    root,
    command,
    ...args,
  ];
  const log = (): string => (existsSync(at('sesman.log')) ? readFileSync(at('sesman.log'), 'utf8') : '');
  const patient = { withinMs: 60_000, everyMs: 100 };
  try {
    await eventually('the machine is up', () => existsSync(at('up')), patient);
  } catch (error) {
    await dispose();
    throw new Error(`The machine does not start: ${output}`, { cause: error });
  }
  return {
    dir,
    port,
    password,
    run: (command, args, input = '') =>
      new Promise((resolve) => {
        const child = execFile('nsenter', inside(command, args), { env: { PATH } }, (error, out, err) =>
          resolve({ code: error ? Number(error.code ?? -1) : 0, output: out + err }),
        );
        child.stdin?.on('error', () => undefined); // the command may end without reading
        child.stdin?.end(input);
      }),
    start: async (command, args, options) => {
      const process = await startChildProcess('nsenter', inside(command, args), {
        stdio: ['ignore', 'ignore', 'inherit'],
        ...options,
        env: { PATH, ...options?.env },
      });
      started.push(process);
      return process;
    },
    startXrdp: async () => {
      writeFileSync(at('xrdp-wanted'), '');
      // xrdp-sesman listens on a port; since 0.10 on a socket, which its log reports.
      const both = async (): Promise<boolean> =>
        (await isListening(port, '127.0.0.1')) &&
        (/ Sesman now listening on /.test(log()) || (await isListening(sesmanPort, '::1')));
      await eventually('xrdp listens', both, patient);
    },
    log,
    [Symbol.asyncDispose]: dispose,
  };
};
