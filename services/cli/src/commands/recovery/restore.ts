// `calbus restore`: puts a backup into an empty license server. An interrupted restore continues when it is given again.

import type { Body } from '@calbus/contracts/envelope';
import { inventoryRestore, MAX_RESTORE_BYTES, MAX_RESTORE_MESSAGES } from '@calbus/contracts/ledger-messages';
import { NO_HASH } from '@calbus/contracts/ledger';
import { liaisonRefused } from '@calbus/contracts/liaison-messages';
import {
  liaisonRestore,
  liaisonRestored,
  MAX_LIAISON_PAGE_BYTES,
  type LiaisonRow,
} from '@calbus/contracts/liaison-backup-messages';
import { subjects } from '@calbus/contracts/subjects';
import type { Accepted, OperatorClient } from '@calbus/operator-client/client';
import { newId, operatorName } from '@calbus/operator-client/ids';
import { Problem } from '@calbus/operator-client/problem';
import type { ProgressReport } from '@calbus/operator-client/progress';
import { readLiaisonStatus, requireReplicas } from '@calbus/operator-client/queries';
import { grouped } from '@calbus/operator-client/text';
import { JSON_OPTION, WHY_OPTION, type JsonOption } from '../../arguments.ts';
import type { DefineCommand } from '../../command-context.ts';
import { json, say } from '../../print.ts';
import { withProgress } from '../../progress.ts';
import { openBackup, type Backup, type Manifest } from './backup-content.ts';
import { showManifest } from './manifest-view.ts';
import { PASSPHRASE_OPTION, readPassphrase, type PassphraseOption } from './passphrase.ts';

type Message = Body<typeof inventoryRestore>['messages'][number];

/** Throws a Problem where there is a ledger. A restore that was interrupted continues. */
const requireEmptyLedger = async (operator: OperatorClient): Promise<void> => {
  const waiting = (await requireReplicas(operator)).find((r) => r.loss);
  const half = waiting?.loss?.evidence.some((e) => e.why === 'half-restored') ?? false;
  if (waiting && (half || waiting.hash === NO_HASH)) return;
  throw new Problem(
    'NOT_EMPTY',
    'There is a ledger here, and a backup goes only into an empty one: start inventory with CALBUS_AWAIT_RESTORE=yes on an empty NATS store. Nothing was changed.',
  );
};

/** `given`: the liaison takes the identity of the backup. `kept`: it has that identity already. */
const chooseIdentity = async (operator: OperatorClient, m: Manifest): Promise<'given' | 'kept'> => {
  const { activation } = await readLiaisonStatus(operator);
  if (!activation) return 'given';
  if (activation.serverId === m.serverId) return 'kept';
  const source = m.serverId === null ? 'one that was not activated' : grouped(m.serverId);
  throw new Problem(
    'OTHER_SERVER',
    `This license server is activated as ${grouped(activation.serverId)}, the backup is of ${source}. Nothing was changed.`,
  );
};

const restoreLiaison = async (operator: OperatorClient, backup: Backup): Promise<void> => {
  const [commandId, by] = [newId(), operatorName()];
  let [before, size] = [0, 0];
  let rows: LiaisonRow[] = [];
  const send = async (): Promise<void> => {
    if (rows.length === 0) return;
    const subject = subjects.liaison.command('restore');
    const body = { commandId, before, rows, by };
    const answer = await operator.askAny(subject, liaisonRestore, body, [liaisonRestored, liaisonRefused]);
    if (answer.type === liaisonRefused.type) throw new Problem(answer.body.reason, answer.body.says);
    before += rows.length;
    [rows, size] = [[], 0];
  };
  for await (const l of backup.lines()) {
    if (l.is !== 'liaison') break;
    rows.push(l.row);
    size += JSON.stringify(l.row).length;
    if (size > MAX_LIAISON_PAGE_BYTES) await send();
  }
  await send();
};

const restoreLedger = async (
  operator: OperatorClient,
  backup: Backup,
  why: string,
  report: ProgressReport,
): Promise<Accepted> => {
  const { end, madeAt, madeBy } = backup.manifest;
  const { generation, sequence, hash } = end;
  const common = { commandId: newId(), upTo: { generation, sequence, hash }, by: operatorName(), why };
  let messages: Message[] = [];
  let size = 0;
  const send = async (): Promise<void> => {
    if (messages.length > 0) await operator.sendToLeader(inventoryRestore, { ...common, messages });
    report(messages.at(-1)?.sequence ?? 0, sequence);
    [messages, size] = [[], 0];
  };
  for await (const l of backup.lines()) {
    // VOID messages after the last valid message belong to no ledger.
    if (l.is !== 'message' || l.sequence > sequence) continue;
    if (size + l.bytes.length > MAX_RESTORE_BYTES || messages.length === MAX_RESTORE_MESSAGES) await send();
    messages.push({ sequence: l.sequence, bytes: l.bytes });
    size += l.bytes.length;
  }
  await send();
  const finish = { backup: { madeAt, madeBy } };
  return operator.sendToLeader(inventoryRestore, { ...common, messages: [], finish });
};

type Options = JsonOption & PassphraseOption & { readonly why: string };

const restore = async (
  operator: OperatorClient,
  file: string,
  passphrase: string,
  o: Options,
): Promise<void> => {
  await requireEmptyLedger(operator);
  const backup = await openBackup(file, passphrase);
  const { manifest } = backup;
  if (!o.json) showManifest(manifest);
  const identity = await chooseIdentity(operator, manifest);
  if (identity === 'given') await restoreLiaison(operator, backup);
  const { position } = await withProgress('Restoring messages', (report) =>
    restoreLedger(operator, backup, o.why, report),
  );
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

export const define: DefineCommand = (command, { withOperator }) => {
  command
    .argument('<file>')
    .option(...PASSPHRASE_OPTION)
    .option(...WHY_OPTION)
    .option(...JSON_OPTION)
    .addHelpText('after', '\nA restore that was interrupted continues when it is given again.')
    .action(async (file: string, o: Options) => {
      const passphrase = await readPassphrase(o.passphraseFile);
      await withOperator((operator) => restore(operator, file, passphrase, o));
    });
};
