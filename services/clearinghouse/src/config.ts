import path from 'node:path';
import { z } from 'zod';
import { amqpConfig } from '@calbus/runtime/amqp';
import { commonConfig, tlsAgrees } from '@calbus/runtime/config';

export const config = z
  .object({
    logLevel: commonConfig.logLevel,
    clockOffset: commonConfig.clockOffset,
    /** Where the register and the keys are. */
    dataDir: z.string().min(1),
    /** The vendor's name in its certificates; used when they are made. */
    vendor: z.string().min(1).max(60).default('Clearinghouse'),
    ...amqpConfig,
  })
  .superRefine(tlsAgrees);

/** The register within a data directory; the vendor's command opens the same file. */
export const registerFile = (dataDir: string): string => path.join(dataDir, 'clearinghouse.sqlite');
