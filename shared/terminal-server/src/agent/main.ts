#!/usr/bin/env node
// calbus-agent: requests licenses for one terminal server machine. Hooks in any language can use it.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const SOCKET = '/run/calbus/agent.sock';
const USAGE = `Usage: calbus-agent <command> [options]

  run                 the daemon: answers at the socket until it is stopped
  check               for PAM: admits or refuses the user of this log-on; exit 0 yes, 1 no; bounded at 4 s
  status              the state of the daemon, as JSON
  install xrdp        shows what changes in xrdp's PAM file, asks, and puts the check into it
  uninstall xrdp      takes it out again
  unit                prints the systemd unit of the daemon

  --config <file>     of run (default /etc/calbus/agent.json)
  --check             with run: only checks the configuration
  --socket <path>     of check, status, install (default ${SOCKET})
  --pam-file <file>   of install, uninstall (default /etc/pam.d/xrdp-sesman)
  --backup <folder>   where install keeps a copy of the file (default /var/lib/calbus)
  --yes               install and uninstall do not ask
  --version           prints the version

Exit: 0 done, 1 no or failed, 2 misused or a configuration that is refused.
`;

const own = [process.execPath, fileURLToPath(import.meta.url)];
const out = (text: string): void => void process.stdout.write(`${text}\n`);
const err = (text: string): void => void process.stderr.write(`${text}\n`);

const options = {
  config: { type: 'string', default: '/etc/calbus/agent.json' },
  check: { type: 'boolean', default: false },
  socket: { type: 'string', default: SOCKET },
  'pam-file': { type: 'string', default: '/etc/pam.d/xrdp-sesman' },
  backup: { type: 'string', default: '/var/lib/calbus' },
  yes: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
  version: { type: 'boolean', default: false },
} as const;
const parse = () => parseArgs({ options, allowPositionals: true });
type Values = ReturnType<typeof parse>['values'];

const run = async (v: Values): Promise<number> => {
  const { readConfig } = await import('./config.ts');
  const read = readConfig(v.config);
  if (!read.ok) {
    err(`calbus-agent does not start:\n  ${read.problems.join('\n  ')}`);
    return 2;
  }
  if (v.check) {
    out('calbus-agent: the configuration is good.');
    return 0;
  }
  const { runAgent } = await import('./daemon.ts');
  await runAgent(read.config);
  return 0;
};

const check = async (v: Values): Promise<number> => {
  const { checkUser, oneLine } = await import('./check.ts');
  const { admit, says } = await checkUser(process.env, v.socket);
  if (says !== '') out(`calbus: ${oneLine(says)}`);
  return admit ? 0 : 1;
};

const status = async (v: Values): Promise<number> => {
  const { askAgent } = await import('./check.ts');
  try {
    out(await askAgent(v.socket, '{"do":"status"}'));
    return 0;
  } catch (error) {
    const why = error instanceof Error ? error.message : 'error';
    err(`No agent answers at ${v.socket} (${why}): is it running? systemctl status calbus-agent`);
    return 1;
  }
};

const confirm = async (question: string): Promise<boolean> => {
  if (!process.stdin.isTTY) {
    err('This is not a terminal, so no one can confirm: pass --yes.');
    return false;
  }
  const { createInterface } = await import('node:readline/promises');
  const asking = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await asking.question(`${question} [y/N] `);
  asking.close();
  return /^y(es)?$/i.test(answer.trim());
};

const changeXrdp = async (v: Values, how: 'install' | 'uninstall'): Promise<number> => {
  const { installXrdp, InstallProblem, uninstallXrdp } = await import('./install.ts');
  const { askAgent } = await import('./check.ts');
  const socket = v.socket === SOCKET ? [] : ['--socket', v.socket];
  const o = {
    pamFile: v['pam-file'],
    backupFolder: v.backup,
    // Ends a check that hangs: xrdp 0.9 admits no other user while one check runs.
    command: ['/usr/bin/timeout', '4', ...own, 'check', ...socket],
    say: out,
    confirm: v.yes ? async () => true : confirm,
  };
  if (how === 'install')
    await askAgent(v.socket, '{"do":"status"}').catch(() =>
      err(`No agent answers at ${v.socket} yet: until it runs, no user can log on.`),
    );
  try {
    return (await (how === 'install' ? installXrdp(o) : uninstallXrdp(o))) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof InstallProblem)) throw error;
    err(error.message);
    return 1;
  }
};

/** From the nearest package.json above: in the npm package this file lies deeper than in the repository. */
const readVersion = (): string => {
  for (let folder = import.meta.dirname; ; folder = path.dirname(folder)) {
    const file = path.join(folder, 'package.json');
    if (existsSync(file)) {
      const { version } = JSON.parse(readFileSync(file, 'utf8')) as { readonly version?: string };
      if (version !== undefined) return version;
    }
    if (path.dirname(folder) === folder) return 'unknown';
  }
};

const command = async (): Promise<number> => {
  const { values, positionals } = parse();
  const [name, what, ...more] = positionals;
  if (values.help) {
    out(USAGE);
    return 0;
  }
  if (values.version) {
    out(`calbus-agent ${readVersion()}`);
    return 0;
  }
  if (more.length === 0)
    switch (`${name ?? ''} ${what ?? ''}`.trim()) {
      case 'run':
        return run(values);
      case 'check':
        return check(values);
      case 'status':
        return status(values);
      case 'install xrdp':
        return changeXrdp(values, 'install');
      case 'uninstall xrdp':
        return changeXrdp(values, 'uninstall');
      case 'unit': {
        const { systemdUnit } = await import('./unit.ts');
        const config = values.config === options.config.default ? [] : ['--config', values.config];
        process.stdout.write(systemdUnit([...own, 'run', ...config]));
        return 0;
      }
    }
  err(USAGE);
  return 2;
};

try {
  process.exitCode = await command();
} catch (error) {
  err(`calbus-agent: ${error instanceof Error ? error.message : 'failed'}`);
  process.exitCode = (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS') === true ? 2 : 1;
}
