// What inventory takes: commands by the family of subjects, queries by the role that may ask. Services build their tables of
// handlers over these lists, so that a message added here without a handler does not compile.

import { inventoryAllocate } from './allocation-messages.ts';
import {
  inventoryAccepted,
  inventoryActivation,
  inventoryConfirmClock,
  inventoryDeactivation,
  inventoryInstall,
  inventoryMergeDevices,
  inventoryRefused,
  inventoryReleaseReserve,
  inventoryRevoke,
  inventorySettings,
  inventorySettleWithheld,
  inventoryUndoMerge,
  inventoryWithhold,
} from './inventory-command-messages.ts';
import {
  inventoryCurrentSettings,
  inventoryLicenses,
  inventoryPacks,
  inventoryTerminalServers,
  inventoryTrust,
  queryLicenses,
  queryPacks,
  querySettings,
  queryTerminalServers,
  queryTrust,
} from './inventory-query-messages.ts';
import { inventoryStatus, queryStatus } from './inventory-status-messages.ts';
import { inventoryAcceptLoss, inventoryLedger, inventoryRestore, queryLedger } from './ledger-messages.ts';
import type { Contract } from './envelope.ts';
import { inventoryExplained, queryExplain } from './explain-messages.ts';
import type { CommandFamily } from './subjects.ts';

export const inventoryCommands = {
  allocate: [inventoryAllocate],
  activation: [inventoryActivation, inventoryDeactivation],
  install: [inventoryInstall, inventoryWithhold, inventorySettleWithheld],
  operate: [
    inventorySettings,
    inventoryConfirmClock,
    inventoryAcceptLoss,
    inventoryRevoke,
    inventoryMergeDevices,
    inventoryUndoMerge,
    inventoryReleaseReserve,
    inventoryRestore,
  ],
} as const satisfies Readonly<Record<CommandFamily, readonly Contract[]>>;

/** The answers to a command that is recorded once: of every family but `allocate`. */
export const recordAnswers = [inventoryAccepted, inventoryRefused] as const;

/** The contracts of one family. */
export type InventoryCommand<F extends CommandFamily> = (typeof inventoryCommands)[F][number];

const settings = { query: querySettings, answer: inventoryCurrentSettings };

/** By the role that asks, and by the last token of the subject. */
export const inventoryQueries = {
  issuer: { trust: { query: queryTrust, answer: inventoryTrust } },
  operator: {
    status: { query: queryStatus, answer: inventoryStatus },
    settings,
    packs: { query: queryPacks, answer: inventoryPacks },
    licenses: { query: queryLicenses, answer: inventoryLicenses },
    'terminal-servers': {
      query: queryTerminalServers,
      answer: inventoryTerminalServers,
    },
    ledger: { query: queryLedger, answer: inventoryLedger },
    explain: { query: queryExplain, answer: inventoryExplained },
  },
  'clearinghouse-liaison': { settings },
} as const;

type QueriesByRole = typeof inventoryQueries;
type QueryRole = keyof QueriesByRole;
type QueryOf<Queries> = Queries extends { readonly query: infer Q } ? Q : never;
/** The contracts of all queries. */
export type InventoryQuery = {
  [R in QueryRole]: QueryOf<QueriesByRole[R][keyof QueriesByRole[R]]>;
}[QueryRole];
