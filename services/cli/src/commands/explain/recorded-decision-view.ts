// A decision of which only the ledger record is left, as lines for people. The record does not say why other rows did not match.

import type { RecordedDecision } from '@calbus/operator-client/ledger/recorded-decisions';
import { day, describeKind, grouped, moment, plain } from '@calbus/operator-client/text';
import { dim, labelled, say } from '../../print.ts';
import { LABEL_WIDTH, showRefusal } from './explanation-view.ts';

const label = labelled(LABEL_WIDTH);
const line = (name: string, text: string): void => label(name, plain(text));

const showPriorLicenses = (heldBefore: RecordedDecision['heldBefore']): void => {
  for (const [i, l] of heldBefore.entries())
    line(
      i === 0 ? 'held' : '',
      `${l.licenseId}  ${describeKind(l)}, ${l.version}, until ${day(l.notAfter)}, ${l.state === 'live' ? 'in date' : 'ended'}`,
    );
};

export const showRecordedDecision = ({ entry: e, heldBefore, refusal }: RecordedDecision): void => {
  say(plain(e.says));
  if (e.row !== null) line('row', `${e.row}: ${e.rule ?? ''}`);
  line('by', `${e.terminalServerId ?? ''}, request ${e.requestId ?? ''}, ${moment(e.time)} UTC`);
  if (e.hardwareId !== null) line('hardware', `${e.hardwareId} ${e.deviceName ?? ''}`.trimEnd());
  if (e.userName !== null) line('user', e.userName);
  showPriorLicenses(heldBefore);
  if (heldBefore.length === 0 && e.hardwareId !== null) line('held', 'nothing, ever');
  if (e.licenseId !== null) line('license', e.licenseId);
  if (e.keyPackId !== null) line('key pack', grouped(e.keyPackId));
  line('ledger', String(e.sequence));
  say(
    dim(
      'The inputs of this decision are not stored: they are forgotten after 30 days, or an older release decided it.',
    ),
  );
  if (refusal) showRefusal(refusal);
};
