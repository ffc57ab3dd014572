import { z } from 'zod';
import { clearinghouseRootFile, deploymentSecretFile } from '@calbus/licenses/license-server-config';
import { commonConfig, checkTlsConsistency } from '@calbus/runtime/config';

export const config = z
  .object({
    ...commonConfig,
    clearinghouseRootFile,
    deploymentSecretFile,
    batch: z.coerce
      .number()
      .int()
      .min(1)
      .max(256)
      .default(256)
      .describe('Maximum of messages that the issuer takes from the queue at once.'),
    lanes: z.coerce
      .number()
      .int()
      .min(1)
      .max(16)
      .default(3)
      .describe('Number of such batches that the issuer handles at the same time.'),
  })
  .superRefine(checkTlsConsistency);
