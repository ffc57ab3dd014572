// The questions that an operator asks of inventory and of the liaison. docs/contracts.md lists them.

import type { AgreementReference } from '@calbus/contracts/purchases';
import {
  inventoryLicenses,
  inventoryPacks,
  inventoryCurrentSettings,
  inventoryTerminalServers,
  queryLicenses,
  queryPacks,
  querySettings,
  queryTerminalServers,
} from '@calbus/contracts/inventory-query-messages';
import { inventoryStatus, queryStatus } from '@calbus/contracts/inventory-status-messages';
import {
  liaisonAgreements,
  liaisonStatus,
  queryAgreements,
  queryLiaisonStatus,
} from '@calbus/contracts/liaison-messages';
import { subjects } from '@calbus/contracts/subjects';
import type { OperatorClient } from './client.ts';
import { Problem } from './problem.ts';

const inventory = (name: string): string => subjects.inventory.query('operator', name);
const liaison = (name: string): string => subjects.liaison.query('operator', name);

/** The status of every replica that answers. */
export const readReplicas = (operator: OperatorClient) =>
  operator.askAll(inventory('status'), queryStatus, {}, inventoryStatus);

export type ReplicaStatus = Awaited<ReturnType<typeof readReplicas>>[number];

/** As `readReplicas`. Throws a Problem where no replica answers. */
export const requireReplicas = async (operator: OperatorClient): Promise<ReplicaStatus[]> => {
  const replicas = await readReplicas(operator);
  if (replicas.length > 0) return replicas;
  throw new Problem('UNREACHABLE', 'Inventory does not answer: check that it runs, and read its log.');
};

export const readLiaisonStatus = (operator: OperatorClient) =>
  operator.ask(liaison('status'), queryLiaisonStatus, {}, liaisonStatus);

export const readPacks = (operator: OperatorClient) =>
  operator.ask(inventory('packs'), queryPacks, {}, inventoryPacks);

export type LicenseFilter = {
  readonly device?: string;
  readonly user?: string;
  readonly license?: string;
  readonly limit: number;
};

export const readLicenses = (operator: OperatorClient, filter: LicenseFilter) =>
  operator.ask(inventory('licenses'), queryLicenses, filter, inventoryLicenses);

export const readSettings = (operator: OperatorClient) =>
  operator.ask(inventory('settings'), querySettings, {}, inventoryCurrentSettings);

export type TerminalServerFilter = { readonly terminalServerId?: string; readonly limit: number };

export const readTerminalServers = (operator: OperatorClient, filter: TerminalServerFilter) =>
  operator.ask(inventory('terminal-servers'), queryTerminalServers, filter, inventoryTerminalServers);

/** The key packs that the Clearinghouse issued, all of them or those of one agreement. */
export const readAgreements = async (operator: OperatorClient, only?: AgreementReference) => {
  const answer = await operator.ask(liaison('agreements'), queryAgreements, {}, liaisonAgreements);
  const { serverId, contact, keyPacks } = answer;
  const selected = keyPacks.filter(
    ({ purchase: p }) => !only || (p.program === only.program && p.agreementNumber === only.agreementNumber),
  );
  return { serverId, contact, keyPacks: selected };
};

export type AgreementsAnswer = Awaited<ReturnType<typeof readAgreements>>;
