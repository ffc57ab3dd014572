// An unmodified xrdp with one user who may log on. It sees configuration, PAM file, users and /run of its own, in a mount namespace:
// nothing of the machine changes, and several can run side by side.

import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePorts } from '@calbus/local/ports';
import { startTied } from '@calbus/local/tied-process';
import { eventually } from '@calbus/testkit/eventually';

export type Xrdp = {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** What xrdp-sesman has written about log-ons and sessions. */
  readonly log: () => string;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

const UID = 58_421;
const user = 'alice';

const passwordHash = (password: string): string => {
  const { stdout } = spawnSync('openssl', ['passwd', '-6', '-stdin'], { input: password, encoding: 'utf8' });
  return stdout.trim();
};

const edit = (file: string, change: (text: string) => string): void =>
  writeFileSync(file, change(readFileSync(file, 'utf8')));

const listens = (port: number, host = '127.0.0.1'): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

/** `pam`: lines behind the account stack of Debian's /etc/pam.d/xrdp-sesman. */
export const startXrdp = async (pam: readonly string[]): Promise<Xrdp> => {
  const dir = mkdtempSync(path.join(tmpdir(), 'calbus-xrdp-'));
  // The user's session must be able to reach its home.
  chmodSync(dir, 0o755);
  const [port = 0, sesmanPort = 0, display = 0] = await freePorts(3);
  const password = 'correct horse';
  const at = (name: string): string => path.join(dir, name);

  cpSync('/etc/xrdp', at('xrdp'), { recursive: true, verbatimSymlinks: true });
  edit(at('xrdp/xrdp.ini'), (text) =>
    text
      .replace(/^port=3389$/m, `port=tcp://127.0.0.1:${port}`)
      .replace(/^security_layer=.*$/m, 'security_layer=tls')
      .replace(/^LogFile=.*$/m, `LogFile=${at('xrdp.log')}`),
  );
  edit(at('xrdp/sesman.ini'), (text) =>
    text
      .replace(/^ListenPort=.*$/m, `ListenPort=${sesmanPort}`)
      .replace(/^X11DisplayOffset=.*$/m, `X11DisplayOffset=${display}`)
      .replace(/^LogFile=.*$/m, `LogFile=${at('sesman.log')}`),
  );
  // The session is nothing but its X server.
  writeFileSync(at('xrdp/startwm.sh'), '#!/bin/sh\nexec sleep 100000\n', { mode: 0o755 });

  cpSync('/etc/pam.d/xrdp-sesman', at('pam'));
  edit(at('pam'), (text) => text.replace(/^@include common-account$/m, (line) => [line, ...pam].join('\n')));
  mkdirSync(at('home'));
  for (const [name, line] of Object.entries({
    passwd: `${user}:x:${UID}:${UID}::${at('home')}:/bin/sh`,
    group: `${user}:x:${UID}:`,
    shadow: `${user}:${passwordHash(password)}:20000:0:99999:7:::`,
  })) {
    cpSync(`/etc/${name}`, at(name));
    edit(at(name), (text) => `${text.trimEnd()}\n${line}\n`);
  }
  spawnSync('chown', ['-R', `${UID}:${UID}`, at('home')]);

  const script = [
    'set -e',
    'mount -t tmpfs tmpfs /run',
    'mkdir -p /run/xrdp/sockdir && chmod 3777 /run/xrdp/sockdir',
    `mount --bind ${at('xrdp')} /etc/xrdp`,
    `mount --bind ${at('pam')} /etc/pam.d/xrdp-sesman`,
    ...['passwd', 'group', 'shadow'].map((name) => `mount --bind ${at(name)} /etc/${name}`),
    'xrdp-sesman -n &',
    'xrdp -n &',
    'wait',
  ].join('\n');
  const isolated = ['--mount', '--pid', '--fork', '--mount-proc', '--kill-child=SIGKILL'];
  const tied = await startTied('unshare', [...isolated, 'sh', '-c', script], {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [tied.child.stdout, tied.child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => (said += text));
  const dispose = async (): Promise<void> => {
    await tied.kill();
    rmSync(dir, { recursive: true, force: true });
  };
  const log = (): string => readFileSync(at('sesman.log'), 'utf8');
  try {
    await eventually(
      'xrdp listens',
      async () => (await listens(port)) && (await listens(sesmanPort, '::1')),
      {
        withinMs: 60_000,
        everyMs: 100,
      },
    );
  } catch (error) {
    await dispose();
    throw new Error(`xrdp does not start: ${said}`, { cause: error });
  }
  return { port, user, password, log, [Symbol.asyncDispose]: dispose };
};
