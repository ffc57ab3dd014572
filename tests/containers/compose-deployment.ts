// calbus as docker-compose.yml has it, under a project name of its own: each part in its container. Identities are taken out of
// `setup`'s volumes, so that a test can connect as any of them from outside.

import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect as connectNats, nkeyAuthenticator, type NatsConnection } from 'nats';
import { DockerComposeEnvironment } from 'testcontainers';
import { connectOperator, type OperatorClient } from '@calbus/operator-client/client';
import { loadProfile, readSecret, type Profile } from '@calbus/operator-client/profile';
import { freePorts } from '@calbus/local/ports';
import { repositoryRoot } from '@calbus/local/repository';
import { connect, type TerminalServer } from '@calbus/terminal-server/client';
import { inboxOf, type TestIdentity } from '@calbus/test-support/nats-bus';
import { eventually } from '@calbus/test-support/eventually';
import { seedFile, terminalServerSeedFile } from '../../deploy/nats/keys.ts';
import { runMain, type CommandResult } from '../support/command.ts';
import { imagesForCompose } from './images.ts';

export type ComposeDeployment = {
  readonly project: string;
  readonly image: string;
  /** What clients of the servers have to trust, in PEM; undefined where nothing speaks TLS. */
  readonly ca: string | undefined;
  readonly operator: OperatorClient;
  readonly docker: (...args: string[]) => Promise<CommandResult>;
  /** `docker compose …` on this project; `must` throws where it fails. */
  readonly compose: (...args: string[]) => Promise<CommandResult>;
  readonly must: (...args: string[]) => Promise<string>;
  /** The operator's command, with this site's profile. */
  readonly calbus: (...args: string[]) => Promise<CommandResult>;
  /** Ids of the containers of a service, stopped ones too. */
  readonly containers: (service: string) => Promise<string[]>;
  readonly connectAs: (who: TestIdentity) => Promise<NatsConnection>;
  /** `waitsMs`: 20 s unless told otherwise. */
  readonly terminalServer: (id: 'ts1' | 'ts2', waitsMs?: number) => Promise<TerminalServer>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

const IMAGE = 'calbus-tests:local';
const UP_MS = 240_000;

const run = (command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<CommandResult> =>
  new Promise((resolve) => {
    const options = { cwd: repositoryRoot, env, timeout: UP_MS, maxBuffer: 64 * 1024 * 1024 };
    execFile(command, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, stdout, stderr });
    });
  });

/** The profile that the operator's container has, with the files and the port that this machine has. */
const profileHere = (dir: string, port: string): string => {
  const text = readFileSync(path.join(dir, 'operator/operator.json'), 'utf8')
    .replaceAll('/run/calbus/', `${path.join(dir, 'operator')}/`)
    .replaceAll('/trust/root.pem', path.join(dir, 'root.pem'))
    .replaceAll('/app/', `${repositoryRoot}/`)
    .replace('//nats:4222', `//127.0.0.1:${port}`);
  const file = path.join(dir, 'profile.json');
  writeFileSync(file, text, { mode: 0o600 });
  return file;
};

export const startComposeDeployment = async (say: (line: string) => void): Promise<ComposeDeployment> => {
  process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';
  const images = await imagesForCompose(say);
  // A port that stays the same when the container starts again.
  const port = String((await freePorts(1))[0]);
  const project = `calbus-test-${randomBytes(4).toString('hex')}`;
  const env = { ...process.env, ...images, CALBUS_IMAGE: IMAGE, NATS_PORT: port };
  const dir = mkdtempSync(path.join(tmpdir(), 'calbus-containers-'));
  const open: (() => Promise<unknown>)[] = [];
  const docker: ComposeDeployment['docker'] = (...args) => run('docker', args, env);
  const compose: ComposeDeployment['compose'] = (...args) => docker('compose', '-p', project, ...args);
  const must: ComposeDeployment['must'] = async (...args) => {
    const { code, stdout, stderr } = await compose(...args);
    if (code !== 0)
      throw new Error(`docker compose ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`);
    return stdout;
  };
  const dispose = async (): Promise<void> => {
    for (const close of open.reverse()) await close().catch(() => undefined);
    await compose('--profile', 'cli', 'down', '-v', '--remove-orphans', '-t', '5');
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    say('Building the image, and starting each part in its container …');
    const built = await docker('compose', '-p', project, 'build', '--quiet', 'setup');
    if (built.code !== 0) throw new Error(`The image cannot be built:\n${built.stdout}${built.stderr}`);
    await new DockerComposeEnvironment(repositoryRoot, 'docker-compose.yml')
      .withProjectName(project)
      .withAutoCleanup(false)
      .withEnvironment(Object.fromEntries(Object.entries(env).map(([k, v]) => [k, v ?? ''])))
      .withClientOptions({ commandOptions: ['--wait'] })
      .up();
    const taking = ['run', '--rm', '-T', '--no-deps', '--entrypoint', 'tar', 'setup'];
    const archive = execFileSync(
      'docker',
      ['compose', '-p', project, ...taking, '-C', '/setup', '-cf', '-', 'keys', 'operator'],
      { cwd: repositoryRoot, env, maxBuffer: 16 * 1024 * 1024, stdio: ['ignore', 'pipe', 'ignore'] },
    );
    execFileSync('tar', ['-x', '--no-same-owner', '-C', dir], { input: archive });
    writeFileSync(
      path.join(dir, 'root.pem'),
      await must('exec', '-T', 'clearinghouse', 'cat', '/data/root.pem'),
    );
    const profileFile = profileHere(dir, port);
    const profile: Profile = loadProfile(profileFile);
    const caFile = path.join(dir, 'operator/ca.pem');
    const ca = existsSync(caFile) ? readFileSync(caFile, 'utf8') : undefined;
    const trusting = ca === undefined ? {} : { ca };
    const keys = path.join(dir, 'keys/secrets/nats');
    const fileOf = (who: TestIdentity): string =>
      typeof who === 'string' ? seedFile(keys, who) : terminalServerSeedFile(keys, who.terminalServer);
    const operator = await connectOperator(profile);
    open.push(operator.close);
    return {
      project,
      image: IMAGE,
      ca,
      operator,
      docker,
      compose,
      must,
      calbus: (...args) => runMain('services/cli/src/main.ts', args, { CALBUS_PROFILE: profileFile }),
      containers: async (service) =>
        (await must('ps', '-a', '-q', service)).trim().split('\n').filter(Boolean),
      connectAs: async (who) => {
        const nc = await connectNats({
          servers: `127.0.0.1:${port}`,
          ...(ca === undefined ? {} : { tls: { ca } }),
          authenticator: nkeyAuthenticator(new TextEncoder().encode(readSecret(fileOf(who)))),
          inboxPrefix: inboxOf(who),
          maxReconnectAttempts: -1,
          reconnectTimeWait: 200,
          pingInterval: 2_000,
        });
        open.push(() => nc.close());
        return nc;
      },
      terminalServer: async (id, waitsMs = 20_000) => {
        const ts = await connect({
          servers: profile.natsUrl,
          ...trusting,
          seed: readSecret(fileOf({ terminalServer: id })),
          terminalServerId: id,
          mode: id === 'ts1' ? 'per-device' : 'per-user',
          version: '2003',
          roots: [readFileSync(path.join(dir, 'root.pem'), 'utf8')],
          waitsMs,
        });
        open.push(ts.close);
        return ts;
      },
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    const { stdout } = await compose('logs', '--no-color', '--tail', '20');
    await dispose();
    throw new Error(`calbus does not come up in containers.\n${stdout}`, { cause: error });
  }
};

/** Waits until a terminal server is answered again, whatever went on before. */
export const waitForDecision = (
  ts: TerminalServer,
  device: { hardwareId: string; name: string },
): Promise<unknown> =>
  eventually('a request is decided', () => ts.request({ device }), { withinMs: 120_000, everyMs: 200 });
