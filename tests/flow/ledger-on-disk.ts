// The ledger's files under a NATS that is stopped meanwhile: copied, put back, gone.

import { cpSync, globSync, rmSync } from 'node:fs';
import path from 'node:path';
import { provisionAll } from '@calbus/local/job';
import type { System } from './system.ts';

const ledgerFolder = (s: System): string => {
  const [found] = globSync('**/streams/CAL_LEDGER', { cwd: s.servers.nats.dataDir });
  if (found === undefined) throw new Error('no CAL_LEDGER on disk');
  return path.join(s.servers.nats.dataDir, found);
};
/** Changes the store of NATS while it is stopped. */
export const whileStopped = async (s: System, change: (ledger: string) => void): Promise<void> => {
  const folder = ledgerFolder(s);
  await s.servers.nats.stop();
  change(folder);
  await s.servers.nats.restart();
  await provisionAll(s.servers.nats.url, s.deployment);
};
export const wipe = (folder: string): void => rmSync(folder, { recursive: true });
export const putBack = (copy: string) => (folder: string) => {
  wipe(folder);
  cpSync(copy, folder, { recursive: true });
};
