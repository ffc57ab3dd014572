// Which images the containers of the tests are made of: those that the environment names; else stand-ins that were made before; else
// the official ones where a registry is reached; else stand-ins, which deploy/images/standins.sh makes now.

import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from '@calbus/local/repository';

const exec = promisify(execFile);
const names = ['nats', 'redis', 'rabbitmq', 'node'] as const;
const variable = (name: string): string => `${name.toUpperCase()}_IMAGE`;
const standIn = (name: string): string => `calbus-standin/${name}:local`;
const script = path.join(repositoryRoot, 'deploy/images/standins.sh');

const succeeds = async (command: string, args: readonly string[], timeout: number): Promise<boolean> => {
  try {
    await exec(command, args, { timeout });
    return true;
  } catch {
    return false;
  }
};

const runScript = async (args: readonly string[]): Promise<void> => {
  try {
    await exec(script, args, { timeout: 300_000 });
  } catch (error) {
    const { stderr } = error as { readonly stderr?: string };
    throw new Error(`deploy/images/standins.sh ${args.join(' ')} failed:\n${stderr ?? ''}`, { cause: error });
  }
};

/** The environment for docker-compose.yml. Throws an Error with one sentence where there is no way to any images. */
export const imagesForCompose = async (say: (line: string) => void): Promise<Record<string, string>> => {
  if (!(await succeeds('docker', ['compose', 'version'], 20_000))) {
    say("Fetching docker's compose plugin …");
    await runScript(['compose']);
  }
  if (names.some((name) => process.env[variable(name)] !== undefined)) return {};
  const standIns = {
    PULL_POLICY: 'never',
    ...Object.fromEntries(names.map((n) => [variable(n), standIn(n)])),
  };
  const there = await Promise.all(
    names.map((n) => succeeds('docker', ['image', 'inspect', standIn(n)], 20_000)),
  );
  if (there.every(Boolean)) return standIns;
  if (await succeeds('docker', ['pull', '-q', 'redis:7-alpine'], 60_000)) return {};
  say('No container registry is reached: making images of Debian packages (half a minute) …');
  await runScript([]);
  return standIns;
};
