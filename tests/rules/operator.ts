// An operator's commands and questions in a scenario.

import assert from 'node:assert/strict';
import { inventoryExplained, queryExplain, type Explanation } from '@calbus/contracts/explain-messages';
import {
  inventoryAcceptLoss,
  inventoryLedger,
  MAX_LEDGER_PAGE,
  queryLedger,
} from '@calbus/contracts/ledger-messages';
import {
  inventoryLicenses,
  inventoryTerminalServers,
  queryLicenses,
  queryTerminalServers,
  type HeldLicense,
  type KnownTerminalServer,
} from '@calbus/contracts/inventory-query-messages';
import {
  inventoryMergeDevices,
  inventoryRevoke,
  inventorySettings,
  inventoryUndoMerge,
} from '@calbus/contracts/inventory-command-messages';
import { NO_HASH } from '@calbus/contracts/ledger';
import { liaisonActivate, liaisonInstall } from '@calbus/contracts/liaison-messages';
import type { SettingsChange } from '@calbus/contracts/settings';
import { inventoryAccepted, inventoryRefused } from '@calbus/contracts/inventory-command-messages';
import { subjects } from '@calbus/contracts/subjects';
import { Problem } from '@calbus/operator-client/problem';
import { newIdentityReport } from '@calbus/operator-client/reports/identities';
import type { ReimagedDevice } from '@calbus/operator-client/reports/reimaged-devices';
import { agreement, DAY, type Cals, type World } from './world.ts';

const contact = { firstName: 'Ann', lastName: 'Admin', company: 'Example Ltd', country: 'Sampleland' };
let commands = 0;
const order = (why = 'a test') => ({
  commandId: `order-${process.pid}-${(commands += 1)}`,
  by: 'a test',
  why,
});

export const activate = (w: World): Promise<void> =>
  w.clearinghouse('activate', liaisonActivate, { contact });

/** Buys CALs of the Clearinghouse and installs their key packs, one after the other. */
export const install = async (w: World, ...all: readonly Cals[]): Promise<void> => {
  const { program, agreementNumber } = agreement;
  for (const cals of all)
    await w.clearinghouse('install', liaisonInstall, { purchase: { program, agreementNumber, ...cals } });
};

export const set = (w: World, changes: SettingsChange, why?: string): Promise<void> =>
  w.command(inventorySettings, { ...order(why), changes });

export const passDays = (w: World, days: number): Promise<void> => w.passUntil(w.now() + days * DAY);

/** Waits until the counts are these: due CALs are returned, and users dropped, within seconds. */
export const countsBecome = async (w: World, words: string): Promise<void> => {
  await w.eventually(words, w.counts, (counts) => counts === words);
};

/** The sequence of the last record: the same before and after if the license server was not asked. */
export const ledgerEnd = async (w: World): Promise<number> => (await w.status()).position.sequence;

/** The code, the sentence and the facts of a refusal. */
export const refusalOf = async (command: Promise<void>): Promise<Problem> => {
  const refused = await command.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(refused instanceof Problem, `not a refusal: ${String(refused)}`);
  return refused;
};

export const revoke = (w: World, licenseId: string | undefined): Promise<void> =>
  w.command(inventoryRevoke, { ...order(), licenseId: licenseId ?? '' });

export const mergeDevices = (w: World, from: string, into: string): Promise<void> =>
  w.command(inventoryMergeDevices, { ...order(), from, into });

export const undoMerge = (w: World, from: string): Promise<void> =>
  w.command(inventoryUndoMerge, { ...order(), from });

/** Accepts that the end of the ledger is lost, as it is now. */
export const acceptLoss = async (w: World): Promise<void> => {
  const replica = await w.replica();
  assert.ok(replica?.loss);
  const { position, hash, loss } = replica;
  const survives =
    hash === NO_HASH ? null : { generation: position.generation, sequence: position.sequence, hash };
  const subject = subjects.inventory.operate(loss.term);
  const body = { ...order(), survives };
  const answer = await w.send(subject, inventoryAcceptLoss, body, [inventoryAccepted, inventoryRefused]);
  assert.equal(answer.type, inventoryAccepted.type);
};

/** The licenses that the ledger holds for a device. */
export const licensesOf = async (w: World, hardwareId: string): Promise<readonly HeldLicense[]> =>
  (await w.query('licenses', queryLicenses, { device: hardwareId, limit: 100 }, inventoryLicenses)).licenses;

export const terminalServerOf = async (w: World, id: string): Promise<KnownTerminalServer | undefined> => {
  const filter = { terminalServerId: id, limit: 1 };
  const answer = await w.query('terminal-servers', queryTerminalServers, filter, inventoryTerminalServers);
  return answer.terminalServers[0];
};

/** The newest explanation of a decision on a request or a device. The log of decisions is written after the answer. */
export const explanationOf = async (
  w: World,
  about: { readonly requestId: string } | { readonly hardwareId: string },
  accept: (e: Explanation) => boolean = () => true,
): Promise<Explanation> => {
  const look = async () =>
    (await w.query('explain', queryExplain, { ...about, limit: 1 }, inventoryExplained)).explanations[0];
  const found = await w.eventually(
    `an explanation of ${JSON.stringify(about)}`,
    look,
    (e) => e !== undefined && accept(e),
  );
  assert.ok(found);
  return found;
};

/** The devices that went on under another hardware id, as `calbus report identities` finds them. */
export const reimagedDevices = async (w: World): Promise<readonly ReimagedDevice[]> => {
  const report = newIdentityReport({ from: 0, to: w.now() });
  const page = await w.query('ledger', queryLedger, { from: 1, limit: MAX_LEDGER_PAGE }, inventoryLedger);
  for (const m of page.messages) report.take({ ...m, bytes: Buffer.from(m.bytes, 'base64') });
  return report.result().reimaged;
};
