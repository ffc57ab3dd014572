import { z } from 'zod';
import { fileContent, natsCaFile, natsUrls, checkTlsConsistency } from '@calbus/runtime/config';

const copies = z.coerce.number<string>().int().min(1).max(5);

export const config = z
  .object({
    natsUrl: natsUrls.describe('`nats://host:port` or `tls://host:port`; several, separated by commas.'),
    natsCaFile,
    provisionerSeedFile: fileContent.describe(
      'File with the nkey seed of the identity `provisioner`, which creates the streams of account CAL.',
    ),
    provisionerLedgerSeedFile: fileContent.describe(
      'File with the nkey seed of the identity `provisioner-ledger`, which creates the streams of account LEDGER.',
    ),
    ledgerMaxBytes: z.coerce
      .number()
      .int()
      .min(1_000_000)
      .optional()
      .describe('The limit of the ledger on disk. It replaces the present limit.'),
    replicas: copies
      .optional()
      .describe('Number of copies of each stream in a cluster: 3 with three nodes. The default is 1.'),
    replicasFile: fileContent
      .pipe(copies)
      .optional()
      .describe('File with that number, instead of the variable.'),
  })
  .superRefine(checkTlsConsistency);
