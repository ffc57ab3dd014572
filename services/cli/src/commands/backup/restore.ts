// calbus restore: a backup back into a license server that has nothing.

import type { Body } from '@calbus/contracts/envelope';
import { inventoryRestore, MAX_RESTORE_BYTES, MAX_RESTORE_MESSAGES } from '@calbus/contracts/ledger-messages';
import { inventoryStatus, queryStatus } from '@calbus/contracts/inventory-status-messages';
import { liaisonRefused, liaisonStatus, queryLiaisonStatus } from '@calbus/contracts/liaison-messages';
import {
  liaisonRestore,
  liaisonRestored,
  MAX_LIAISON_PAGE_BYTES,
  type LiaisonRow,
} from '@calbus/contracts/liaison-backup-messages';
import { NO_HASH } from '@calbus/contracts/ledger';
import { subjects } from '@calbus/contracts/subjects';
import { newId, operatorName, type OperatorClient } from '@calbus/operator-client/client';
import { grouped, json, say } from '../../print.ts';
import { Problem } from '@calbus/operator-client/problem';
import { progressOf } from '../../progress.ts';
import { openBackup, type Backup, type Manifest } from './content.ts';
import { showManifest } from './make.ts';

type Message = Body<typeof inventoryRestore>['messages'][number];

/** Throws where there is a ledger. Where a restore was broken off, it goes on. */
const mustWait = async (operator: OperatorClient): Promise<void> => {
  const query = subjects.inventory.query('operator', 'status');
  const replicas = await operator.askAll(query, queryStatus, {}, inventoryStatus);
  if (replicas.length === 0)
    throw new Problem('UNREACHABLE', 'Inventory does not answer: check that it runs, and read its log.');
  const waits = replicas.find((r) => r.loss);
  const half = waits?.loss?.evidence.some((e) => e.why === 'half-restored') ?? false;
  if (waits && (half || waits.hash === NO_HASH)) return;
  throw new Problem(
    'NOT_EMPTY',
    'There is a ledger here, and a backup goes only into an empty one: start inventory with CALBUS_AWAIT_RESTORE=yes on an empty NATS store. Nothing was changed.',
  );
};

/** What the liaison is to do: take the identity of the backup, or keep its own, which is the same license server's. */
const whoseIdentity = async (operator: OperatorClient, m: Manifest): Promise<'given' | 'kept'> => {
  const subject = subjects.liaison.query('operator', 'status');
  const { activation } = await operator.ask(subject, queryLiaisonStatus, {}, liaisonStatus);
  if (!activation) return 'given';
  if (activation.serverId === m.serverId) return 'kept';
  throw new Problem(
    'OTHER_SERVER',
    `This license server is activated as ${grouped(activation.serverId)}, the backup is of ${m.serverId === null ? 'one that was not activated' : grouped(m.serverId)}. Nothing was changed.`,
  );
};

const giveIdentity = async (operator: OperatorClient, backup: Backup): Promise<void> => {
  const [commandId, by] = [newId(), operatorName()];
  let [before, size] = [0, 0];
  let rows: LiaisonRow[] = [];
  const give = async (): Promise<void> => {
    if (rows.length === 0) return;
    const body = { commandId, before, rows, by };
    const subject = subjects.liaison.command('restore');
    const answer = await operator.askAny(subject, liaisonRestore, body, [liaisonRestored, liaisonRefused]);
    if (answer.type === liaisonRefused.type) throw new Problem(answer.body.reason, answer.body.says);
    before += rows.length;
    [rows, size] = [[], 0];
  };
  for await (const l of backup.lines()) {
    if (l.is !== 'liaison') break;
    rows.push(l.row);
    size += JSON.stringify(l.row).length;
    if (size > MAX_LIAISON_PAGE_BYTES) await give();
  }
  await give();
};

const giveLedger = async (operator: OperatorClient, backup: Backup, why: string) => {
  const { generation, sequence, hash } = backup.manifest.end;
  const common = { commandId: newId(), upTo: { generation, sequence, hash }, by: operatorName(), why };
  const progress = progressOf('Restoring messages');
  let messages: Message[] = [];
  let size = 0;
  const give = async (): Promise<void> => {
    if (messages.length > 0) await operator.sendToLeader(inventoryRestore, { ...common, messages });
    progress.show(messages.at(-1)?.sequence ?? 0, sequence);
    [messages, size] = [[], 0];
  };
  try {
    for await (const l of backup.lines()) {
      // What is VOID after the last valid message follows nothing.
      if (l.is !== 'message' || l.sequence > sequence) continue;
      if (size + l.bytes.length > MAX_RESTORE_BYTES || messages.length === MAX_RESTORE_MESSAGES) await give();
      messages.push({ sequence: l.sequence, bytes: l.bytes });
      size += l.bytes.length;
    }
    await give();
  } finally {
    progress.end();
  }
  const { madeAt, madeBy } = backup.manifest;
  return operator.sendToLeader(inventoryRestore, {
    ...common,
    messages: [],
    finish: { backup: { madeAt, madeBy } },
  });
};

export const restore = async (
  operator: OperatorClient,
  file: string,
  passphrase: string,
  o: { readonly why: string; readonly json: boolean },
): Promise<void> => {
  await mustWait(operator);
  const backup = await openBackup(file, passphrase);
  const { manifest } = backup;
  if (!o.json) showManifest(manifest);
  const identity = await whoseIdentity(operator, manifest);
  if (identity === 'given') await giveIdentity(operator, backup);
  const { position } = await giveLedger(operator, backup, o.why);
  if (o.json) return json({ position, identity, manifest });
  say(`Restored: the ledger goes on at ${position.sequence}, in generation ${position.generation}.`);
  if (identity === 'kept')
    say('The liaison has kept its own identity, which is that of the same license server.');
  say(
    manifest.serverId === null
      ? 'It was never activated: calbus activate.'
      : 'It is RESTORED: temporary licenses only, and nothing is renewed, until calbus reactivate --reason redeployed.',
  );
};
