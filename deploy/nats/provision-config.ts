import { z } from 'zod';
import { fileContent, natsUrls } from '@calbus/runtime/config';

export const config = z.object({
  natsUrl: natsUrls.describe('`nats://host:port` or `tls://host:port`; several, separated by commas.'),
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
    .describe('What the ledger may use on disk; a limit that is there is changed to it.'),
  replicas: z.coerce
    .number()
    .int()
    .min(1)
    .max(5)
    .default(1)
    .describe('On how many nodes of a cluster each stream is kept: 3 where there are three.'),
});
