// What inventory takes: commands by the family of subjects, queries by the role that may ask. Services build their tables of
// handlers over these lists, so that a message added here without a handler does not compile.

import type { Contract } from './envelope.ts';
import { inventoryExplained, queryExplain } from './explain-messages.ts';
import * as inventory from './inventory-messages.ts';
import type { CommandFamily } from './subjects.ts';

export const inventoryCommands = {
  allocate: [inventory.inventoryAllocate],
  activation: [inventory.inventoryActivation, inventory.inventoryDeactivation],
  install: [inventory.inventoryInstall, inventory.inventoryWithhold, inventory.inventorySettleWithheld],
  operate: [
    inventory.inventorySettings,
    inventory.inventoryConfirmClock,
    inventory.inventoryAcceptLoss,
    inventory.inventoryRevoke,
    inventory.inventoryMergeDevices,
    inventory.inventoryUndoMerge,
    inventory.inventoryReleaseReserve,
    inventory.inventoryRestore,
  ],
} as const satisfies Readonly<Record<CommandFamily, readonly Contract[]>>;

/** The answers to a command that is recorded once: of every family but `allocate`. */
export const recordAnswers = [inventory.inventoryAccepted, inventory.inventoryRefused] as const;

/** The contracts of one family. */
export type InventoryCommand<F extends CommandFamily> = (typeof inventoryCommands)[F][number];

const settings = { query: inventory.querySettings, answer: inventory.inventoryCurrentSettings };

/** By the role that asks, and by the last token of the subject. */
export const inventoryQueries = {
  issuer: { trust: { query: inventory.queryTrust, answer: inventory.inventoryTrust } },
  operator: {
    status: { query: inventory.queryStatus, answer: inventory.inventoryStatus },
    settings,
    packs: { query: inventory.queryPacks, answer: inventory.inventoryPacks },
    licenses: { query: inventory.queryLicenses, answer: inventory.inventoryLicenses },
    'terminal-servers': {
      query: inventory.queryTerminalServers,
      answer: inventory.inventoryTerminalServers,
    },
    ledger: { query: inventory.queryLedger, answer: inventory.inventoryLedger },
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
