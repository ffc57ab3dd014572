import { z } from 'zod';
import { certificateFile, commonConfig, fileContent, tlsAgrees } from '@calbus/runtime/config';

export const config = z
  .object({
    ...commonConfig,
    /** The second identity: the one that may write the ledger, and answers nobody. */
    natsLedgerSeedFile: fileContent,
    /** redis://host:port, or rediss://host:port over TLS */
    redisUrl: z
      .string()
      .regex(
        /^rediss?:\/\/[^\s@]+$/,
        'must be redis://host:port, or rediss://host:port over TLS, without user and password',
      ),
    /** Over rediss://: who may have certified Redis, in PEM. Without it, those that Node knows. */
    redisCaFile: certificateFile.optional(),
    redisUser: z.string().min(1).default('default'),
    redisPasswordFile: fileContent.optional(),
    clearinghouseRootFile: fileContent,
    /** A snapshot of the state is made about every so many records; the same at every replica, so that they can compare. */
    snapshotEvery: z.coerce.number().int().min(1).default(20_000),
    /** Where this replica keeps how far it has seen the ledger; a folder of its own. Without it there is one witness less. */
    dataDir: z.string().min(1).optional(),
    /** An empty ledger is not begun, but waits for a backup to be put back. */
    awaitRestore: z
      .enum(['yes', 'no'])
      .default('no')
      .transform((word) => word === 'yes'),
  })
  .superRefine(tlsAgrees);
export type Config = z.infer<typeof config>;
