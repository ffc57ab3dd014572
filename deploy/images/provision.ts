// Creates the streams of both accounts, as the identities that may: see deploy/nats/provision.ts. Waits for NATS.

import { identities } from '@calbus/contracts/identities';
import { commonConfig, fileContent, readConfig } from '@calbus/runtime/config';
import { createLog } from '@calbus/runtime/log';
import { connectNats } from '@calbus/runtime/nats';
import { z } from 'zod';
import { provision } from '../nats/provision.ts';

const settings = z.object({
  natsUrl: commonConfig.natsUrl,
  /** The seeds of the provisioners of CAL and of LEDGER. */
  natsSeedFile: fileContent,
  natsLedgerSeedFile: fileContent,
});

const result = readConfig(settings, process.env);
if (result.ok) {
  const { natsUrl, natsSeedFile, natsLedgerSeedFile } = result.config;
  const seeds = { provisioner: natsSeedFile, 'provisioner-ledger': natsLedgerSeedFile };
  const log = createLog('provision', 'warn');
  for (const name of ['provisioner', 'provisioner-ledger'] as const) {
    const { account, inbox } = identities[name];
    const nc = await connectNats({ servers: natsUrl, seed: seeds[name], name, inbox, log });
    await provision(nc, account, 1, (line) => console.log(line));
    await nc.close();
  }
} else {
  console.error(`provision does not start:\n  ${result.problems.join('\n  ')}`);
  process.exitCode = 2;
}
