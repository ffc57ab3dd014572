// `calbus explain`: why a device or a user got a decision.

import { MAX_EXPLANATIONS } from '@calbus/contracts/explain-messages';
import { refusals } from '@calbus/contracts/refusals';
import { hardwareId, isAnonymousHardwareId, token } from '@calbus/contracts/tokens';
import type { OperatorClient } from '@calbus/operator-client/client';
import { readExplanations, type ExplanationSubject } from '@calbus/operator-client/explanations';
import { readRecordedDecisions } from '@calbus/operator-client/ledger/recorded-decisions';
import { Problem } from '@calbus/operator-client/problem';
import { rowDescriptions } from '@calbus/operator-client/row-descriptions';
import { JSON_OPTION, wholeNumber, type JsonOption } from '../../arguments.ts';
import type { DefineCommand } from '../../command-context.ts';
import { json, say } from '../../print.ts';
import { withProgress } from '../../progress.ts';
import { showExplanation, showRefusal } from './explanation-view.ts';
import { showRecordedDecision } from './recorded-decision-view.ts';

/** 40 hex digits are a hardware id; any other token is a request id. */
const parseSubject = (id: string | undefined, user: string | undefined): ExplanationSubject => {
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

/** Issuers refuse such a device by themselves: inventory never gets its requests. */
const noIdentity = { row: 'N3', code: 'NO_DEVICE_IDENTITY', ...refusals.NO_DEVICE_IDENTITY } as const;

const identifiesNoDevice = (about: ExplanationSubject): boolean =>
  'hardwareId' in about && isAnonymousHardwareId(about.hardwareId);

const describeUnknown = (about: ExplanationSubject): string => {
  if ('requestId' in about)
    return `Nothing is known of request ${about.requestId}: check the id (calbus watch shows them). A request that was refused for its hardware id (N3), or that was never answered, leaves nothing; what was decided without a record is forgotten after 30 days.`;
  if ('hardwareId' in about)
    return `Nothing is known of device ${about.hardwareId}: check the hardware id (calbus licenses --device <name> shows it), and whether its terminal server asks this license server (calbus diagnose --terminal-server <id>).`;
  return `Nothing is known of user ${about.userKey}: check the name, with its domain as DOMAIN\\name (calbus licenses --user <name> shows it), and whether the terminal server is in Per User mode.`;
};

const read = async (operator: OperatorClient, about: ExplanationSubject, limit: number) => {
  const explanations = await withProgress('Looking through stored decisions', (report) =>
    readExplanations(operator, about, limit, report),
  );
  const always = identifiesNoDevice(about) ? noIdentity : null;
  const recorded =
    explanations.length > 0 || always
      ? []
      : await withProgress('Reading the ledger', (report) =>
          readRecordedDecisions(operator, about, limit, report),
        );
  if (explanations.length + recorded.length === 0 && !always)
    throw new Problem('UNKNOWN', describeUnknown(about));
  return { explanations, recorded, ...(always ? { always } : {}) };
};

const showEach = <T>(all: readonly T[], show: (item: T) => void): void => {
  for (const [i, item] of all.entries()) {
    if (i > 0) say('\n');
    show(item);
  }
};

const show = ({ explanations, recorded, always }: Awaited<ReturnType<typeof read>>): void => {
  if (always) {
    say(
      `${always.row}: ${rowDescriptions.N3}: all zero, or its first four bytes are. Asked for in Per Device mode it is always refused.`,
    );
    showRefusal(always);
    if (explanations.length > 0) say();
  }
  showEach(explanations, showExplanation);
  showEach(recorded, showRecordedDecision);
};

type Options = JsonOption & { readonly user?: string; readonly limit: number };

export const define: DefineCommand = (command, { withOperator }) => {
  command
    .option(...JSON_OPTION)
    .argument('[id]', 'a request id, or a hardware id (40 hex digits) for the last decision of a device')
    .option('--user <name>', 'the last decision of this user, as DOMAIN\\name')
    .option(
      '--limit <n>',
      `for a device or a user the last n decisions, newest first; ${MAX_EXPLANATIONS} at most`,
      wholeNumber,
      1,
    )
    .action((id: string | undefined, o: Options) => {
      const about = parseSubject(id, o.user);
      return withOperator(async (operator) => {
        const found = await read(operator, about, Math.min(o.limit, MAX_EXPLANATIONS));
        if (o.json) json(found);
        else show(found);
      });
    });
};
