// Sets up the streams of a deployment, then ends: 0 done, 1 failed, 2 the configuration is refused.

import { readConfig } from '@calbus/runtime/config';
import { config } from './provision-config.ts';
import { provision } from './provision.ts';

const result = readConfig(config, process.env);
if (result.ok) {
  const {
    natsUrl,
    natsCaFile,
    provisionerSeedFile,
    provisionerLedgerSeedFile,
    replicas,
    replicasFile,
    ledgerMaxBytes,
  } = result.config;
  try {
    await provision({
      servers: natsUrl,
      ca: natsCaFile,
      seeds: { provisioner: provisionerSeedFile, 'provisioner-ledger': provisionerLedgerSeedFile },
      replicas: replicas ?? replicasFile ?? 1,
      ...(ledgerMaxBytes === undefined ? {} : { ledgerMaxBytes }),
      say: (line) => process.stdout.write(`${line}\n`),
    });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
} else {
  process.stderr.write(`The streams cannot be set up:\n  ${result.problems.join('\n  ')}\n`);
  process.exitCode = 2;
}
