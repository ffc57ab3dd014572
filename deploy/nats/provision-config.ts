import { z } from 'zod';
import { fileContent, natsCaFile, natsUrls, checkTlsConsistency } from '@calbus/runtime/config';

const copies = z.coerce.number<string>().int().min(1).max(5);

export const config = z
  .object({
    natsUrl: natsUrls.describe('`nats://host:port` or `tls://host:port`; several, separated by commas.'),
    natsCaFile,
    provisionerSeedFile: fileContent.describe(
      'File with the nkey seed of the identity `provisioner`, which sets up the streams of account CAL.',
    ),
    provisionerLedgerSeedFile: fileContent.describe(
      'File with the nkey seed of the identity `provisioner-ledger`, which sets up those of account LEDGER.',
    ),
    ledgerMaxBytes: z.coerce
      .number()
      .int()
      .min(1_000_000)
      .optional()
      .describe('The limit of the ledger on disk. It replaces the present limit.'),
    replicas: copies
      .optional()
      .describe(
        'On how many nodes of a cluster each stream is kept: 3 where there are three, 1 unless it is said here or in a file.',
      ),
    replicasFile: fileContent.pipe(copies).optional().describe('File with that number, instead.'),
  })
  .superRefine(checkTlsConsistency);
