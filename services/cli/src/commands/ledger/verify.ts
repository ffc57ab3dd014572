// `calbus ledger verify`.

import type { OperatorClient } from '@calbus/operator-client/client';
import {
  verifyLedger,
  type Agreement,
  type LedgerVerification,
} from '@calbus/operator-client/ledger/verification';
import { moment, plain } from '@calbus/operator-client/text';
import { green, json, labelled, red, say, yellow } from '../../print.ts';
import { withProgress } from '../../progress.ts';

const MAX_SHOWN = 20;

const line = labelled(12);

const showFindings = <T extends { readonly sequence: number }>(
  name: string,
  all: readonly T[],
  paint: (text: string) => string,
  describe: (finding: T) => string,
): void => {
  for (const f of all.slice(0, MAX_SHOWN)) line(name, paint(`${f.sequence}: ${plain(describe(f))}`));
  if (all.length > MAX_SHOWN) line('', paint(`and ${all.length - MAX_SHOWN} more: --json`));
};

const describeAgreement = (a: Agreement): string => {
  switch (a.kind) {
    case 'agrees':
      return green(`${a.who} agrees`);
    case 'differs':
      return red(`${a.who} does not agree`);
    case 'unknown':
      return yellow('no replica is there to compare it with');
  }
};

const describeConclusion = (v: LedgerVerification): string => {
  const [first] = v.damage.first;
  if (first)
    return red(
      `The ledger is damaged: its bytes are not those that were committed. It shows at ${first.sequence}; the change is there or before.`,
    );
  if (v.unreadFrom !== null)
    return yellow(
      `The ledger cannot be checked from ${v.unreadFrom} on: a later version of calbus has written there, or the bytes were changed. Verify with the latest version.`,
    );
  if (v.agreement.kind === 'differs') return red(`The ledger is damaged: ${v.agreement.says}.`);
  const [broken] = v.violations.first;
  if (broken)
    return red(
      `The chain is whole, but its records break what must always be true, first at ${broken.sequence}.`,
    );
  const others = v.voidMessages.count > 0 ? ' VOID messages change nothing and are no damage.' : '';
  return `${green('The ledger is sound.')}${others}`;
};

const show = (v: LedgerVerification): void => {
  const records = Object.entries(v.records);
  const total = records.reduce((n, [, count]) => n + count, 0);
  line('Messages', `${v.messages}, of which ${v.voidMessages.count} VOID`);
  line('Records', `${total}: ${records.map(([kind, n]) => `${n} ${kind}`).join(', ')}`);
  line('Licenses', `${v.licenses.full} full, ${v.licenses.temporary} temporary, not ended by a record`);
  line(
    'Generations',
    `${v.generations.map((g) => `${g.generation} from ${g.from}`).join(', ')}; ${v.terms} terms`,
  );
  line(
    'Ends at',
    `${v.end.sequence}, ${moment(v.end.time)} UTC, hash ${v.end.hash}: ${describeAgreement(v.agreement)}`,
  );
  showFindings('VOID', v.voidMessages.first, yellow, (f) => f.why);
  showFindings('Damage', v.damage.first, red, (f) => f.says);
  showFindings('Violation', v.violations.first, red, (f) => `${f.invariant}: ${f.says}`);
  say(describeConclusion(v));
};

/** Exit code 1 where the ledger is damaged, or its records break an invariant. */
export const verify = async (operator: OperatorClient, from: number, asJson: boolean): Promise<void> => {
  const v = await withProgress('Verifying', (report) => verifyLedger(operator, from, report));
  if (!v.sound) process.exitCode = 1;
  if (asJson) json(v);
  else show(v);
};
