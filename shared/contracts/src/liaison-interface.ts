// What the liaison takes: commands by name, queries by the role that may ask. Its table of handlers is built over these lists, so
// that a message added here without a handler does not compile.

import { liaisonRestore, queryLiaisonBackup } from './liaison-backup-messages.ts';
import {
  liaisonActivate,
  liaisonChangePack,
  liaisonDeactivate,
  liaisonInstall,
  liaisonReactivate,
  liaisonRecover,
  queryAgreements,
  queryLiaisonStatus,
  queryLiaisonWitness,
} from './liaison-messages.ts';
import type { Contract } from './envelope.ts';
import { liaisonImport, liaisonExport } from './offline-exchange-messages.ts';
import type { LiaisonCommandName } from './subjects.ts';

/** By the last token of the subject. */
export const liaisonCommands = {
  activate: liaisonActivate,
  install: liaisonInstall,
  reactivate: liaisonReactivate,
  deactivate: liaisonDeactivate,
  recover: liaisonRecover,
  'change-pack': liaisonChangePack,
  restore: liaisonRestore,
  carry: liaisonExport,
  answer: liaisonImport,
} as const satisfies Readonly<Record<LiaisonCommandName, Contract>>;

/** The contracts of all commands. */
export type LiaisonRequest = (typeof liaisonCommands)[LiaisonCommandName];

/** By the role that asks, and by the last token of the subject. */
export const liaisonQueries = {
  operator: {
    status: queryLiaisonStatus,
    agreements: queryAgreements,
    backup: queryLiaisonBackup,
  },
  inventory: { witness: queryLiaisonWitness },
} as const;

type QueriesByRole = typeof liaisonQueries;
/** The contracts of all queries. */
export type LiaisonQuery = {
  [R in keyof QueriesByRole]: QueriesByRole[R][keyof QueriesByRole[R]];
}[keyof QueriesByRole];
