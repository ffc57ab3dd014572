import path from 'node:path';
import { z } from 'zod';
import { amqpConfig } from '@calbus/runtime/amqp';
import { clearinghouseRootFile, deploymentSecretFile } from '@calbus/licenses/license-server-config';
import { commonConfig, checkTlsConsistency } from '@calbus/runtime/config';

export const config = z
  .object({
    ...commonConfig,
    ...amqpConfig,
    dataDir: z.string().min(1).describe("Folder of the liaison's own database."),
    clearinghouseRootFile,
    deploymentSecretFile,
  })
  .superRefine(checkTlsConsistency);

export const databaseFile = (dataDir: string): string => path.join(dataDir, 'liaison.sqlite');
