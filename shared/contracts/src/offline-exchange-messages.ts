// What an operator asks of the liaison for a command, or an answer, that a person carries.

import { z } from 'zod';
import { contract } from './envelope.ts';
import { liaisonCommand } from './liaison-messages.ts';
import { token } from './tokens.ts';

/** Why something is not handed out to be carried, or what was carried is not taken. The list only grows. */
export const offlineProblems = {
  UNKNOWN_COMMAND: 'No command with this id was asked here.',
  NOT_READY: 'The CALs that it needs are not withheld yet; try again in a moment.',
  ENDED: 'The command is answered, or was refused: there is nothing to carry.',
  NOT_SPEAKABLE: 'It is too long to be spoken, or of an older form: take it as a file.',
  NOT_A_FILE: 'The file is not an answer file of calbus.',
  CUT_OFF: 'The end of the file is missing.',
  MISTYPED: 'The groups are not what was said.',
  NOT_GENUINE: 'It is not signed by the Clearinghouse, or was changed on the way.',
  OTHER_SERVER: 'It is for another license server.',
  OTHER_COMMAND: 'It answers another command.',
  OVERTAKEN: 'The command ended before this answer came.',
} as const;
export type OfflineProblem = keyof typeof offlineProblems;
export const offlineProblem = z.enum(Object.keys(offlineProblems) as [OfflineProblem, ...OfflineProblem[]]);

/** As many letters as can be spoken, and a file of the largest statement. */
const groups = z.array(z.string().max(64)).max(5_000);
const text = z.string().max(2_000_000);

export const liaisonExport = contract(
  'liaison.carry',
  1,
  'An operator wants a command to the Clearinghouse as a file, or as groups to be spoken.',
  z.object({ commandId: token, as: z.enum(['file', 'groups']) }),
  1_024,
);

export const liaisonExported = contract(
  'liaison.carried',
  1,
  'The command, to be carried by a person.',
  z.object({
    command: liaisonCommand,
    carried: z.discriminatedUnion('as', [
      z.object({ as: z.literal('file'), text }),
      z.object({ as: z.literal('groups'), groups }),
    ]),
  }),
  1_000_000,
);

export const liaisonImport = contract(
  'liaison.answer',
  1,
  'An operator brings an answer of the Clearinghouse, as a file or as groups that were heard.',
  z.object({
    answer: z.discriminatedUnion('as', [
      z.object({ as: z.literal('file'), text }),
      z.object({ as: z.literal('groups'), commandId: token, groups }),
    ]),
  }),
  1_000_000,
);

export const liaisonImported = contract(
  'liaison.answered',
  1,
  'The answer is applied; `repeated` says that the command was answered before, and nothing was done.',
  z.object({ command: liaisonCommand, repeated: z.boolean() }),
);

export const liaisonOfflineRefused = contract(
  'liaison.not-carried',
  1,
  'Nothing is handed out, or nothing was taken, and why; of groups, which are mistyped, counted from 1.',
  z.object({
    problem: offlineProblem,
    says: z.string().max(1_000),
    wrong: z
      .array(z.object({ group: z.int().min(0), says: z.string().max(300) }))
      .max(100)
      .optional(),
  }),
);
