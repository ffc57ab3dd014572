// The steps from running servers to the main job: streams, services, first licenses, and hints for the user.

import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { openLiveCounts } from '@calbus/operator-client/live-counts';
import { connectOperator } from '@calbus/operator-client/client';
import { readSecret } from '@calbus/operator-client/profile';
import { provision } from '../../nats/provision.ts';
import { writeProfile, type Deployment } from './deployment.ts';
import { runFirstLicense } from './first-license.ts';
import type { Lifetime } from './lifetime.ts';
import { repositoryRoot } from './repository.ts';
import type { RunDirectory } from './run-directory.ts';
import { serviceNames, startService } from './services.ts';
import { settledFile, type Servers } from './start-servers.ts';

const runFile = promisify(execFile);

export type StartupOptions = {
  readonly deployment: Deployment;
  readonly servers: Servers;
  readonly directory: RunDirectory;
  readonly lifetime: Lifetime;
  /** An empty ledger waits for a backup. */
  readonly awaitRestore: boolean;
  readonly say: (line: string) => void;
};

/** `url`: the address of one server, or of all nodes of a cluster, separated by commas. */
export const provisionNats = (url: string, d: Deployment, replicas = 1): Promise<void> =>
  provision({
    servers: url.split(','),
    seeds: {
      provisioner: readSecret(d.seedFile('provisioner')),
      'provisioner-ledger': readSecret(d.seedFile('provisioner-ledger')),
    },
    replicas,
    say: () => {},
  });

const addAgreement = async (d: Deployment, file: string): Promise<void> => {
  const main = path.join(repositoryRoot, 'services/clearinghouse/src/cli/main.ts');
  await runFile(process.execPath, [
    main,
    'agreements',
    'add',
    file,
    '--data',
    path.join(d.dataDir, 'clearinghouse'),
  ]);
};

/** Starts the services and does the main job. */
export const runStartup = async ({
  deployment,
  servers,
  directory,
  lifetime,
  awaitRestore,
  say,
}: StartupOptions): Promise<void> => {
  for (const { name, url, logFile } of Object.values(servers))
    say(`${name.padEnd(9)} ${url}  (log: ${logFile})`);
  await provisionNats(servers.nats.url, deployment);
  const { pidFile } = directory;
  const options = { deployment, servers, pidFile, signal: lifetime.signal, awaitRestore, say };
  for (const name of serviceNames) {
    const service = await startService(name, options);
    lifetime.onEnd(name, service.stop);
  }
  say(`Running: ${serviceNames.join(', ')}  (logs: ${deployment.dataDir}/<name>/<name>.log)`);
  const profile = writeProfile(deployment, servers);
  const operator = await connectOperator(profile);
  const redis = openLiveCounts(profile.redisUrl, profile.redisUser, readSecret(profile.redisPasswordFile));
  try {
    const file = path.join(repositoryRoot, 'deploy/local/sample-agreement.json');
    const sample = { file: path.relative(repositoryRoot, file), text: readFileSync(file, 'utf8') };
    await runFirstLicense({
      operator,
      redis,
      profile,
      sample,
      addAgreement: (f) => addAgreement(deployment, path.join(repositoryRoot, f)),
      say,
    });
    writeFileSync(settledFile(deployment.dataDir), '');
  } finally {
    redis.disconnect();
    await operator.close();
  }
};
