import { z } from 'zod';
import {
  certificateFile,
  clearinghouseRootFile,
  commonConfig,
  fileContent,
  checkTlsConsistency,
} from '@calbus/runtime/config';

export const config = z
  .object({
    ...commonConfig,
    natsLedgerSeedFile: fileContent.describe(
      'File with the nkey seed of the second identity: the one that may write the ledger, and answers nobody.',
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
        'Over rediss: file with the certificates of those who may have certified Redis, in PEM. Without it, those that Node knows.',
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
        'A snapshot of the state is made about every so many records; the same at every replica, so that they can compare.',
      ),
    dataDir: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Where this replica keeps how far it has seen the ledger; a folder of its own. Without it there is one witness less.',
      ),
    awaitRestore: z
      .enum(['yes', 'no'])
      .default('no')
      .transform((word) => word === 'yes')
      .describe('`yes`: an empty ledger is not begun, but waits for a backup to be put back.'),
  })
  .superRefine(checkTlsConsistency);
export type Config = z.infer<typeof config>;
