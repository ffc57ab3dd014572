// calbus ledger accept-loss: what is lost, and an operator's word that it is.

import { createInterface } from 'node:readline/promises';
import type { Body } from '@calbus/contracts/envelope';
import { inventoryAcceptLoss, type LedgerEnd } from '@calbus/contracts/ledger-messages';
import { inventoryAccepted, inventoryRefused } from '@calbus/contracts/inventory-command-messages';
import { inventoryStatus, queryStatus } from '@calbus/contracts/inventory-status-messages';
import { NO_HASH } from '@calbus/contracts/ledger';
import { subjects } from '@calbus/contracts/subjects';
import { lossReasons } from '@calbus/contracts/witness';
import { newId, type OperatorClient } from '@calbus/operator-client/client';
import { bold, json, moment, red, say, table } from '../../print.ts';
import { Problem } from '@calbus/operator-client/problem';

type Status = Body<typeof inventoryStatus>;
export type StandsInLoss = Status & { readonly loss: NonNullable<Status['loss']> };

const standing = async (operator: OperatorClient): Promise<StandsInLoss> => {
  const query = subjects.inventory.query('operator', 'status');
  const replicas = await operator.askAll(query, queryStatus, {}, inventoryStatus);
  const found = replicas.find((r): r is StandsInLoss => r.loss !== undefined);
  if (found) return found;
  if (replicas.length > 0) throw new Problem('NO_LOSS', 'Nothing of the ledger is known to be lost.');
  throw new Problem('UNREACHABLE', 'Inventory does not answer: check that it runs, and read its log.');
};

const survives = ({ position, hash }: Status): LedgerEnd =>
  hash === NO_HASH ? null : { generation: position.generation, sequence: position.sequence, hash };

export const showLoss = (s: StandsInLoss): void => {
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

/** What an operator must know before the word is given. */
const warning = (s: StandsInLoss): string[] => [
  'What was recorded beyond the end of the ledger is lost: licenses issued since, CALs taken and returned, key packs, settings.',
  s.activation
    ? 'A new generation of the ledger begins where it ends now. Licenses that devices hold stay valid until their end.'
    : 'A new generation begins with an empty ledger: temporary licenses only, until this license server is activated anew (calbus reactivate) and its key packs are recovered (calbus recover).',
  ...(s.activation ? [] : ['Whoever has a backup: calbus restore puts it back instead, and less is lost.']),
  'Whoever has a newer copy of the NATS store: put it back instead, and nothing is lost.',
];

const confirmed = async (): Promise<boolean> => {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question('Type "accept" to accept the loss: ')).trim() === 'accept';
  } finally {
    terminal.close();
  }
};

export type AcceptLoss = { readonly why: string; readonly yes: boolean; readonly json: boolean };

export const acceptLoss = async (operator: OperatorClient, by: string, o: AcceptLoss): Promise<void> => {
  const s = await standing(operator);
  if (!o.json) {
    showLoss(s);
    for (const line of warning(s)) say(line);
    say();
  }
  if (!o.yes && !process.stdin.isTTY)
    throw new Problem(
      'NOT_CONFIRMED',
      'Nothing was accepted: this is no terminal to confirm it on; say --yes.',
    );
  if (!o.yes && !(await confirmed())) throw new Problem('NOT_CONFIRMED', 'Nothing was accepted.');
  const body = { commandId: newId(), survives: survives(s), by, why: o.why };
  const answer = await operator.askAny(subjects.inventory.operate(s.loss.term), inventoryAcceptLoss, body, [
    inventoryAccepted,
    inventoryRefused,
  ]);
  if (answer.type === inventoryRefused.type) {
    const { code, detail } = answer.body;
    throw new Problem(code, `${detail} Nothing was accepted; look again.`);
  }
  const { position } = answer.body;
  if (o.json) return json({ position, survives: body.survives, evidence: s.loss.evidence });
  say(`The loss is accepted. Generation ${position.generation} begins at ${position.sequence}.`);
  if (!s.activation)
    say(
      red(
        'The ledger knows of no activation: temporary licenses only. Go on with calbus reactivate --reason redeployed, then calbus recover for each agreement; calbus agreements list shows them.',
      ),
    );
};
