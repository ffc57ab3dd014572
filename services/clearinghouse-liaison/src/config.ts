import path from 'node:path';
import { z } from 'zod';
import { amqpConfig } from '@calbus/runtime/amqp';
import { commonConfig, deploymentSecretFile, fileContent, tlsAgrees } from '@calbus/runtime/config';

export const config = z
  .object({
    ...commonConfig,
    ...amqpConfig,
    /** Where the liaison's own database is. */
    dataDir: z.string().min(1),
    /** The certificate of the Clearinghouse that this license server trusts, in PEM. */
    clearinghouseRootFile: fileContent,
    deploymentSecretFile,
  })
  .superRefine(tlsAgrees);

export const databaseFile = (dataDir: string): string => path.join(dataDir, 'liaison.sqlite');
