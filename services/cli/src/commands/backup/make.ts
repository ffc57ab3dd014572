// calbus backup: the whole license server in one file.

import { existsSync, statSync } from 'node:fs';
import {
  liaisonBackup,
  queryLiaisonBackup,
  type LiaisonRow,
} from '@calbus/contracts/liaison-backup-messages';
import type { Body } from '@calbus/contracts/envelope';
import { subjects } from '@calbus/contracts/subjects';
import { operatorName, type OperatorClient } from '@calbus/operator-client/client';
import { bold, grouped, json, moment, say } from '../../print.ts';
import { Problem } from '@calbus/operator-client/problem';
import { openLedgerReader } from '@calbus/operator-client/ledger/reader';
import { newTally, openBackup, type Line, type Manifest } from './content.ts';
import { writeSealed } from './sealed-file.ts';

async function* liaisonRows(operator: OperatorClient): AsyncGenerator<LiaisonRow> {
  const subject = subjects.liaison.query('operator', 'backup');
  let after: Body<typeof queryLiaisonBackup>['after'];
  for (;;) {
    const body = after === undefined ? {} : { after };
    const page = await operator.ask(subject, queryLiaisonBackup, body, liaisonBackup);
    yield* page.rows;
    if (page.next === null) return;
    after = page.next;
  }
}

export const makeBackup = async (
  operator: OperatorClient,
  file: string,
  passphrase: string,
): Promise<Manifest> => {
  if (existsSync(file)) throw new Problem('EXISTS', `${file} is there already: nothing was written.`);
  const tally = newTally();
  let made: Manifest | undefined;
  const line = (l: Line): string => {
    tally.take(l);
    const wrong = tally.damage();
    if (wrong)
      throw new Problem(
        'LEDGER_DAMAGED',
        `The ledger is damaged at ${wrong.sequence}: ${wrong.says}. Nothing was written: calbus ledger verify.`,
      );
    return `${JSON.stringify(l)}\n`;
  };
  const lines = async function* (): AsyncGenerator<string> {
    // The liaison first: what the ledger knows beyond it costs nothing, and the other way about a key pack would be missing.
    for await (const row of liaisonRows(operator)) yield line({ is: 'liaison', row });
    for await (const m of openLedgerReader(operator, 'Backing up').read())
      yield line({
        is: 'message',
        sequence: m.sequence,
        bytes: Buffer.from(m.bytes).toString('base64'),
      });
    if (tally.messages() === 0)
      throw new Problem('EMPTY', 'The ledger is empty: there is nothing to back up.');
    made = tally.sum(Date.now(), operatorName());
    yield line({ is: 'manifest', manifest: made });
  };
  await writeSealed(file, passphrase, lines());
  if (!made) throw new Error('a backup was written without its manifest');
  return made;
};

const total = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((n, of) => n + of, 0);

export const showManifest = (m: Manifest): void => {
  const row = (what: string, text: string): void => say(`${bold(what.padEnd(14))} ${text}`);
  row('Made', `${moment(m.madeAt)} UTC, by ${m.madeBy}`);
  row(
    'License server',
    m.serverId === null
      ? `not activated, product id ${m.productId}`
      : `${grouped(m.serverId)}, epoch ${m.epoch ?? 0}`,
  );
  row(
    'Ledger',
    `up to ${m.end.sequence} of generation ${m.end.generation}, ${moment(m.end.time)} UTC, hash ${m.end.hash}`,
  );
  row('', `${m.messages} messages, of which ${m.voidMessages} VOID; ${total(m.records)} records`);
  row(
    'Liaison',
    Object.entries(m.liaisonRows)
      .map(([table, n]) => `${n} ${table}`)
      .join(', '),
  );
};

export const backup = async (
  operator: OperatorClient,
  file: string,
  passphrase: string,
  asJson: boolean,
): Promise<void> => {
  const made = await makeBackup(operator, file, passphrase);
  const { size } = statSync(file);
  if (asJson) return json({ file, bytes: size, ...made });
  showManifest(made);
  say(
    `${file} holds all of it, ${size} bytes. Its keys are sealed under the deployment's secret, which is not in it: keep that, too, somewhere else.`,
  );
};

export const verifyBackup = async (file: string, passphrase: string, asJson: boolean): Promise<void> => {
  const { manifest } = await openBackup(file, passphrase);
  if (asJson) return json({ file, sound: true, ...manifest });
  showManifest(manifest);
  say('The backup is sound.');
};
