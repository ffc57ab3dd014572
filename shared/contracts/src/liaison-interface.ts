// What the liaison takes: commands by name, queries by the role that may ask. Its table of handlers is built over these lists, so
// that a message added here without a handler does not compile.

import type { Contract } from './envelope.ts';
import { liaisonImport, liaisonExport } from './offline-exchange-messages.ts';
import * as liaison from './liaison-messages.ts';
import type { LiaisonCommandName } from './subjects.ts';

/** By the last token of the subject. */
export const liaisonCommands = {
  activate: liaison.liaisonActivate,
  install: liaison.liaisonInstall,
  reactivate: liaison.liaisonReactivate,
  deactivate: liaison.liaisonDeactivate,
  recover: liaison.liaisonRecover,
  'change-pack': liaison.liaisonChangePack,
  restore: liaison.liaisonRestore,
  carry: liaisonExport,
  answer: liaisonImport,
} as const satisfies Readonly<Record<LiaisonCommandName, Contract>>;

/** The contracts of all commands. */
export type LiaisonRequest = (typeof liaisonCommands)[LiaisonCommandName];

/** By the role that asks, and by the last token of the subject. */
export const liaisonQueries = {
  operator: {
    status: liaison.queryLiaisonStatus,
    agreements: liaison.queryAgreements,
    backup: liaison.queryLiaisonBackup,
  },
  inventory: { witness: liaison.queryLiaisonWitness },
} as const;

type QueriesByRole = typeof liaisonQueries;
/** The contracts of all queries. */
export type LiaisonQuery = {
  [R in keyof QueriesByRole]: QueriesByRole[R][keyof QueriesByRole[R]];
}[keyof QueriesByRole];
