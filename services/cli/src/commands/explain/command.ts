// calbus explain: why did this device, or this user, get that?

import { MAX_EXPLANATIONS } from '@calbus/contracts/explain-messages';
import { refusals } from '@calbus/contracts/refusals';
import { hardwareId, isAnonymousHardwareId, token } from '@calbus/contracts/tokens';
import type { OperatorClient } from '@calbus/operator-client/client';
import { json, say } from '../../print.ts';
import { Problem } from '@calbus/operator-client/problem';
import { rowDescriptions } from '@calbus/operator-client/row-descriptions';
import { readExplanations, type ExplanationSubject } from '@calbus/operator-client/explanations';
import { readRecordedDecisions, showRecorded } from '@calbus/operator-client/ledger/recorded-decisions';
import { show, todoLines } from './words.ts';

/** What is meant by an id, by its shape: 40 hex digits are a hardware id. */
export const aboutOf = (id: string | undefined, user: string | undefined): ExplanationSubject => {
  if (user !== undefined && id !== undefined)
    throw new Problem('BAD_ID', 'Give a request id, a hardware id, or --user: one of them.');
  if (user !== undefined) {
    const key = user.toLowerCase();
    if (key === '' || key.length > 256) throw new Problem('BAD_ID', 'A user is written as DOMAIN\\name.');
    return { userKey: key };
  }
  if (id === undefined)
    throw new Problem('BAD_ID', 'Give a request id, a hardware id, or --user DOMAIN\\name.');
  const device = hardwareId.safeParse(id.toLowerCase());
  if (device.success) return { hardwareId: device.data };
  if (token.safeParse(id).success) return { requestId: id };
  throw new Problem(
    'BAD_ID',
    `"${id}" is neither a hardware id (40 hex digits) nor a request id (1 to 64 letters, digits, _ and -).`,
  );
};

const nobody = (about: ExplanationSubject): boolean =>
  'hardwareId' in about && isAnonymousHardwareId(about.hardwareId);

/** Issuers answer it by themselves: inventory never hears of such a request. */
const n3 = { row: 'N3', code: 'NO_DEVICE_IDENTITY', ...refusals.NO_DEVICE_IDENTITY } as const;

const unknown = (about: ExplanationSubject): string => {
  if ('requestId' in about)
    return `Nothing is known of request ${about.requestId}: check the id (calbus watch shows them). A request that was refused for its hardware id (N3), or that was never answered, leaves nothing; what was decided without a record is forgotten after 30 days.`;
  if ('hardwareId' in about)
    return `Nothing is known of device ${about.hardwareId}: check the hardware id (calbus licenses --device <name> shows it), and whether its terminal server asks this license server (calbus diagnose --terminal-server <id>).`;
  return `Nothing is known of user ${about.userKey}: check the name, with its domain as DOMAIN\\name (calbus licenses --user <name> shows it), and whether the terminal server is in Per User mode.`;
};

export const explain = async (
  operator: OperatorClient,
  about: ExplanationSubject,
  most: number,
  asJson: boolean,
): Promise<void> => {
  const limit = Math.min(most, MAX_EXPLANATIONS);
  const explanations = await readExplanations(operator, about, limit);
  const refusedAlways = nobody(about) ? n3 : null;
  const recorded =
    explanations.length > 0 || refusedAlways ? [] : await readRecordedDecisions(operator, about, limit);
  if (explanations.length + recorded.length === 0 && !refusedAlways)
    throw new Problem('UNKNOWN', unknown(about));
  if (asJson) return json({ explanations, recorded, ...(refusedAlways ? { always: refusedAlways } : {}) });
  if (refusedAlways) {
    say(
      `${n3.row}: ${rowDescriptions.N3}: all zero, or its first four bytes are. Asked for in Per Device mode it is always refused.`,
    );
    todoLines(n3);
    if (explanations.length > 0) say();
  }
  for (const [i, e] of explanations.entries()) {
    if (i > 0) say('\n');
    show(e);
  }
  for (const [i, r] of recorded.entries()) {
    if (i > 0) say('\n');
    showRecorded(r);
  }
};
