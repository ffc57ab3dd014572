import path from 'node:path';
import { z } from 'zod';
import { amqpConfig } from '@calbus/runtime/amqp';
import { serviceConfig, checkTlsConsistency } from '@calbus/runtime/config';

export const config = z
  .object({
    ...serviceConfig,
    dataDir: z.string().min(1).describe('Folder of the register and the keys.'),
    vendor: z
      .string()
      .min(1)
      .max(60)
      .default('Clearinghouse')
      .describe("The vendor's name in its certificates; used when they are made."),
    ...amqpConfig,
  })
  .superRefine(checkTlsConsistency);

/** The register within a data directory; the vendor's command opens the same file. */
export const registerFile = (dataDir: string): string => path.join(dataDir, 'clearinghouse.sqlite');
