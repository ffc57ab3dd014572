// Sets up the streams of a deployment, then ends: 0 done, 1 failed, 2 the configuration is refused.

import { z } from 'zod';
import { certificateFile, fileContent, natsUrls, readConfig, tlsAgrees } from '@calbus/runtime/config';
import { provision } from './provision.ts';

const copies = z.coerce.number<string>().int().min(1).max(5);
const schema = z
  .object({
    natsUrl: natsUrls,
    natsCaFile: certificateFile.optional(),
    provisionerSeedFile: fileContent,
    provisionerLedgerSeedFile: fileContent,
    /** What the ledger may use on disk; a limit that is there is changed to it. */
    ledgerMaxBytes: z.coerce.number().int().min(1_000_000).optional(),
    /** Copies of each stream: 1 unless told otherwise, here or by a file that holds the number. */
    replicas: copies.optional(),
    replicasFile: fileContent.pipe(copies).optional(),
  })
  .superRefine(tlsAgrees);

const result = readConfig(schema, process.env);
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
