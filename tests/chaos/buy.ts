// What stands before any full license: an agreement at the Clearinghouse, the activation, and key packs.

import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Installable } from '@calbus/contracts/purchases';
import { activate, install } from '@calbus/operator-client/clearinghouse-commands';
import type { OperatorClient } from '@calbus/operator-client/client';
import type { Deployment } from '@calbus/local/deployment';
import { repositoryRoot } from '@calbus/local/repository';

/** `agreement`: as the vendor enters it. */
export const buy = async (
  d: Deployment,
  operator: OperatorClient,
  agreement: { readonly company: string },
  packs: readonly Installable[],
): Promise<void> => {
  const file = path.join(d.dataDir, 'agreement.json');
  writeFileSync(file, JSON.stringify(agreement));
  const main = path.join(repositoryRoot, 'services/clearinghouse/src/cli/main.ts');
  const data = ['--data', path.join(d.dataDir, 'clearinghouse')];
  await promisify(execFile)(process.execPath, [main, 'agreements', 'add', file, ...data]);
  const contact = { firstName: 'Ann', lastName: 'Admin', company: agreement.company, country: 'Sampleland' };
  await activate(operator, contact, () => {});
  for (const p of packs) await install(operator, p, () => {});
};
