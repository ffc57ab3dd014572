import { z } from 'zod';
import {
  clearinghouseRootFile,
  commonConfig,
  deploymentSecretFile,
  checkTlsConsistency,
} from '@calbus/runtime/config';

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
      .describe('How many messages are taken from the queue at once, at most.'),
    lanes: z.coerce
      .number()
      .int()
      .min(1)
      .max(16)
      .default(3)
      .describe('How many such batches are in hand side by side.'),
  })
  .superRefine(checkTlsConsistency);
