import { z } from 'zod';
import { commonConfig, fileContent } from '@calbus/runtime/config';

export const config = z.object({
  ...commonConfig,
  clearinghouseRootFile: fileContent,
  /** File with the secret under which the liaison seals the issuing keys. */
  deploymentSecretFile: fileContent.pipe(z.string().min(32, 'the secret must have at least 32 characters')),
  /** Requests taken at once, and how many such batches are in hand side by side. */
  batch: z.coerce.number().int().min(1).max(256).default(256),
  lanes: z.coerce.number().int().min(1).max(16).default(3),
});
