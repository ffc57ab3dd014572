import { z } from 'zod';
import { clearinghouseRootFile } from '@calbus/licenses/license-server-config';
import { certificateFile, commonConfig, fileContent, checkTlsConsistency } from '@calbus/runtime/config';

export const config = z
  .object({
    ...commonConfig,
    natsLedgerSeedFile: fileContent.describe(
      'File with the nkey seed of the second identity: the one that may write the ledger and answers no requests.',
    ),
    redisUrl: z
      .string()
      .regex(
        /^rediss?:\/\/[^\s@]+$/,
        'must be redis://host:port, or rediss://host:port over TLS, without user and password',
      )
      .describe('`redis://host:port` or `rediss://host:port`.'),
    redisCaFile: certificateFile
      .optional()
      .describe(
        'Over rediss: file with the authorities that may have certified Redis, in PEM. Without it, the authorities that Node knows.',
      ),
    redisUser: z.string().min(1).default('default').describe('The account at Redis.'),
    redisPasswordFile: fileContent.optional().describe("File with that account's password."),
    clearinghouseRootFile,
    snapshotEvery: z.coerce
      .number()
      .int()
      .min(1)
      .default(20_000)
      .describe(
        'Number of records from one snapshot of the state to the next. All replicas need the same value, because they compare their snapshots.',
      ),
    dataDir: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Folder for the witness of the ledger, one for each replica. Without it there is one witness less.',
      ),
    awaitRestore: z
      .enum(['yes', 'no'])
      .default('no')
      .transform((word) => word === 'yes')
      .describe('`yes`: inventory does not begin an empty ledger, but waits for the restore of a backup.'),
  })
  .superRefine(checkTlsConsistency);
export type Config = z.infer<typeof config>;
