// The vendor's site: RabbitMQ and the Clearinghouse, in the present. Each license server of a test has an account of its own there.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { repositoryRoot } from '@calbus/local/repository';
import { startRabbitmq } from '@calbus/local/servers/rabbitmq';
import { runMain } from '@calbus/test-support/command';
import { startService } from '@calbus/test-support/service-process';
import { rabbitDefinitions } from '../../../deploy/rabbitmq/definitions.ts';
import { agreement } from '../world.ts';

export type Vendor = {
  readonly rabbitmqUrl: string;
  readonly passwordFile: string;
  readonly rootFile: string;
  /** For services that start again and again. */
  readonly compileCacheDir: string;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

export const startVendor = async (accounts: readonly string[]): Promise<Vendor> => {
  const dir = mkdtempSync(path.join(tmpdir(), 'calbus-vendor-'));
  const undo: (() => Promise<unknown>)[] = [async () => rmSync(dir, { recursive: true, force: true })];
  const dispose = async (): Promise<void> => {
    for (const step of undo.reverse()) await step();
  };
  try {
    const passwordFile = path.join(dir, 'password');
    const password = randomBytes(16).toString('hex');
    writeFileSync(passwordFile, password);
    const clearinghouse = 'clearinghouse';
    const licenseServers = accounts.map((user) => ({ user, password }));
    const rabbitmq = await startRabbitmq({
      dataDir: path.join(dir, 'rabbitmq'),
      definitions: rabbitDefinitions({ clearinghouse: { user: clearinghouse, password }, licenseServers }),
    });
    undo.push(rabbitmq.stop);
    const dataDir = path.join(dir, clearinghouse);
    const service = await startService({
      main: path.join(repositoryRoot, 'services/clearinghouse/src/main.ts'),
      env: {
        CALBUS_DATA_DIR: dataDir,
        CALBUS_RABBITMQ_URL: rabbitmq.url,
        CALBUS_RABBITMQ_USER: clearinghouse,
        CALBUS_RABBITMQ_PASSWORD_FILE: passwordFile,
      },
      ready: /"state":"(started|ready)"/,
    });
    undo.push(service.stop);
    const agreementFile = path.join(dir, 'agreement.json');
    writeFileSync(agreementFile, JSON.stringify(agreement));
    const args = ['agreements', 'add', agreementFile, '--data', dataDir];
    const added = await runMain('services/clearinghouse/src/cli/main.ts', args);
    if (added.code !== 0) throw new Error(added.stderr);
    return {
      rabbitmqUrl: rabbitmq.url,
      passwordFile,
      rootFile: path.join(dataDir, 'root.pem'),
      compileCacheDir: path.join(dir, 'compiled'),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
};
