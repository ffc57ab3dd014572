// Writes the whole license server into one file: the liaison's rows, the ledger's messages, and the manifest.

import { existsSync } from 'node:fs';
import type { Body } from '@calbus/contracts/envelope';
import {
  liaisonBackup,
  queryLiaisonBackup,
  type LiaisonRow,
} from '@calbus/contracts/liaison-backup-messages';
import { subjects } from '@calbus/contracts/subjects';
import type { OperatorClient } from '@calbus/operator-client/client';
import { operatorName } from '@calbus/operator-client/ids';
import { openLedgerReader } from '@calbus/operator-client/ledger/reader';
import { Problem } from '@calbus/operator-client/problem';
import type { ProgressReport } from '@calbus/operator-client/progress';
import { withProgress } from '../../progress.ts';
import { newTally, type Line, type Manifest } from './backup-content.ts';
import { writeEncrypted } from './encrypted-file.ts';

const liaisonRows = async function* (operator: OperatorClient): AsyncGenerator<LiaisonRow> {
  const subject = subjects.liaison.query('operator', 'backup');
  let after: Body<typeof queryLiaisonBackup>['after'];
  for (;;) {
    const body = after === undefined ? {} : { after };
    const page = await operator.ask(subject, queryLiaisonBackup, body, liaisonBackup);
    yield* page.rows;
    if (page.next === null) return;
    after = page.next;
  }
};

/** The liaison comes first: key packs that only the ledger knows cause no harm, key packs that only the liaison knows would be lost. */
const contentLines = async function* (
  operator: OperatorClient,
  report: ProgressReport,
): AsyncGenerator<Line> {
  for await (const row of liaisonRows(operator)) yield { is: 'liaison', row };
  for await (const { sequence, bytes } of openLedgerReader(operator, report).read())
    yield { is: 'message', sequence, bytes: Buffer.from(bytes).toString('base64') };
};

/** Throws a Problem where the file exists, or the ledger is empty or damaged. */
export const writeBackup = async (
  operator: OperatorClient,
  file: string,
  passphrase: string,
): Promise<Manifest> => {
  if (existsSync(file)) throw new Problem('EXISTS', `${file} is there already: nothing was written.`);
  const tally = newTally();
  let manifest: Manifest | undefined;
  const lines = async function* (report: ProgressReport): AsyncGenerator<string> {
    for await (const line of contentLines(operator, report)) {
      tally.take(line);
      const damage = tally.damage();
      if (damage)
        throw new Problem(
          'LEDGER_DAMAGED',
          `The ledger is damaged at ${damage.sequence}: ${damage.says}. Nothing was written: calbus ledger verify.`,
        );
      yield `${JSON.stringify(line)}\n`;
    }
    if (tally.messages() === 0)
      throw new Problem('EMPTY', 'The ledger is empty: there is nothing to back up.');
    manifest = tally.manifest(Date.now(), operatorName());
    yield `${JSON.stringify({ is: 'manifest', manifest })}\n`;
  };
  await withProgress('Backing up', (report) => writeEncrypted(file, passphrase, lines(report)));
  if (!manifest) throw new Error('a backup was written without its manifest');
  return manifest;
};
