// Finds out whether tests in containers can run on this machine.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const exec = promisify(execFile);

/** `required`: the tests in containers fail without a Docker engine. Default: they are skipped. */
export const CONTAINERS = 'CALBUS_TEST_CONTAINERS';

/** Why tests in containers cannot run here, in a sentence; undefined if they can. */
export const engineProblem = async (): Promise<string | undefined> => {
  try {
    await exec('docker', ['version', '--format', '{{.Server.Version}}'], { timeout: 20_000 });
    return undefined;
  } catch (error) {
    const { code, stderr } = error as { readonly code?: unknown; readonly stderr?: string };
    if (code === 'ENOENT')
      return 'there is no docker command on this machine: install Docker, or let .ci/run do it';
    const reason = (stderr ?? '').trim().split('\n').at(-1) ?? '';
    return `no Docker engine answers: start dockerd, or let .ci/run do it (docker says: ${reason})`;
  }
};
