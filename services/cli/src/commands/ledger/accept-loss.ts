// `calbus ledger accept-loss`: shows the evidence of a loss, and accepts it when the operator confirms.

import { createInterface } from 'node:readline/promises';
import { NO_HASH } from '@calbus/contracts/ledger';
import { lossReasons } from '@calbus/contracts/witness';
import type { OperatorClient } from '@calbus/operator-client/client';
import { operatorName } from '@calbus/operator-client/ids';
import { acceptLoss, readLoss, survivingEnd, type LossStatus } from '@calbus/operator-client/ledger/loss';
import { Problem } from '@calbus/operator-client/problem';
import { moment } from '@calbus/operator-client/text';
import { bold, json, red, say, table } from '../../print.ts';

const showLoss = (s: LossStatus): void => {
  say(
    s.hash === NO_HASH
      ? `${bold('The ledger')} is empty.`
      : `${bold('The ledger')} ends at ${s.position.sequence} of generation ${s.position.generation}, ${moment(s.ledgerTime)} UTC: ${s.licenses.full} full and ${s.licenses.temporary} temporary licenses, ${s.keyPacks} key packs.`,
  );
  say();
  table(
    ['witness', 'has seen', 'of generation', 'at (UTC)', 'so'],
    s.loss.evidence.map(({ from, saw, why }) => [
      from,
      saw ? String(saw.sequence) : 'an activation',
      saw?.generation ?? '',
      saw ? moment(saw.time) : '',
      lossReasons[why],
    ]),
  );
  say();
};

const warnings = (s: LossStatus): string[] => [
  'The records beyond the end of the ledger are lost: licenses issued since, CALs taken and returned, key packs, settings.',
  s.activation
    ? 'A new generation of the ledger begins where it ends now. Licenses that devices hold stay valid until their end.'
    : 'A new generation begins with an empty ledger: temporary licenses only, until this license server is activated again (calbus reactivate) and its key packs are recovered (calbus recover).',
  ...(s.activation ? [] : ['With a backup, use calbus restore instead, and less is lost.']),
  'With a newer copy of the NATS store, put it back instead, and nothing is lost.',
];

const confirm = async (yes: boolean): Promise<void> => {
  if (yes) return;
  if (!process.stdin.isTTY)
    throw new Problem(
      'NOT_CONFIRMED',
      'Nothing was accepted: this is no terminal to confirm it on; say --yes.',
    );
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question('Type "accept" to accept the loss: ');
    if (answer.trim() !== 'accept') throw new Problem('NOT_CONFIRMED', 'Nothing was accepted.');
  } finally {
    terminal.close();
  }
};

export type AcceptLossOptions = { readonly why: string; readonly yes: boolean; readonly json: boolean };

export const confirmLoss = async (operator: OperatorClient, o: AcceptLossOptions): Promise<void> => {
  const s = await readLoss(operator);
  if (!o.json) {
    showLoss(s);
    for (const line of warnings(s)) say(line);
    say();
  }
  await confirm(o.yes);
  const { position } = await acceptLoss(operator, s, { by: operatorName(), why: o.why });
  if (o.json) return json({ position, survives: survivingEnd(s), evidence: s.loss.evidence });
  say(`The loss is accepted. Generation ${position.generation} begins at ${position.sequence}.`);
  if (!s.activation)
    say(
      red(
        'The ledger knows of no activation: temporary licenses only. Go on with calbus reactivate --reason redeployed, then calbus recover for each agreement; calbus agreements list shows them.',
      ),
    );
};
