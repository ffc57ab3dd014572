// Sets up the streams of a deployment, then ends: 0 done, 1 failed, 2 the configuration is refused.

import { z } from 'zod';
import { certificateFile, fileContent, natsUrls, readConfig, tlsAgrees } from '@calbus/runtime/config';
import { provision } from './provision.ts';

const schema = z
  .object({
    natsUrl: natsUrls,
    natsCaFile: certificateFile.optional(),
    provisionerSeedFile: fileContent,
    provisionerLedgerSeedFile: fileContent,
    /** What the ledger may use on disk; a limit that is there is changed to it. */
    ledgerMaxBytes: z.coerce.number().int().min(1_000_000).optional(),
    replicas: z.coerce.number().int().min(1).max(5).default(1),
  })
  .superRefine(tlsAgrees);

const result = readConfig(schema, process.env);
if (result.ok) {
  const { natsUrl, natsCaFile, provisionerSeedFile, provisionerLedgerSeedFile, replicas, ledgerMaxBytes } =
    result.config;
  try {
    await provision({
      servers: natsUrl,
      ca: natsCaFile,
      seeds: { provisioner: provisionerSeedFile, 'provisioner-ledger': provisionerLedgerSeedFile },
      replicas,
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
