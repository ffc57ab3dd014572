// The ledger's files under a NATS that is stopped meanwhile: copied, put back, gone.

import { cpSync, globSync, rmSync } from 'node:fs';
import path from 'node:path';
import { provisionNats } from '@calbus/local/startup';
import type { ManagedServer } from '@calbus/local/servers/managed-server';
import type { TestDeployment } from '@calbus/test-support/deployment';

/** Changes the store of this NATS while it is stopped; `provisioned` makes anew what is not there any more. */
export const changeStopped = async (
  nats: ManagedServer,
  provisioned: () => Promise<void>,
  change: (ledger: string) => void,
): Promise<void> => {
  const [found] = globSync('**/streams/CAL_LEDGER', { cwd: nats.dataDir });
  if (found === undefined) throw new Error('no CAL_LEDGER on disk');
  await nats.stop();
  change(path.join(nats.dataDir, found));
  await nats.restart();
  await provisioned();
};

export const whileStopped = (
  { servers, deployment }: TestDeployment,
  change: (ledger: string) => void,
): Promise<void> => changeStopped(servers.nats, () => provisionNats(servers.nats.url, deployment), change);

export const wipe = (folder: string): void => rmSync(folder, { recursive: true });

export const putBack = (copy: string) => (folder: string) => {
  wipe(folder);
  cpSync(copy, folder, { recursive: true });
};
