import { z } from 'zod';
import { commonConfig, deploymentSecretFile, fileContent, tlsAgrees } from '@calbus/runtime/config';

export const config = z
  .object({
    ...commonConfig,
    clearinghouseRootFile: fileContent,
    deploymentSecretFile,
    /** Requests taken at once, and how many such batches are in hand side by side. */
    batch: z.coerce.number().int().min(1).max(256).default(256),
    lanes: z.coerce.number().int().min(1).max(16).default(3),
  })
  .superRefine(tlsAgrees);
