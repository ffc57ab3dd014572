// The rules at the terminal server as a table; the first matching row decides. docs/issuance.md explains each row.
// The first four rows need no license server. If none of them matches, the license server is asked and the other rows decide.

import type { RefusalCode } from '@calbus/contracts/refusals';
import type { TerminalServerRow } from '@calbus/contracts/rows';
import type { LicensingMode } from '@calbus/contracts/tokens';
import type { PresentedLicense } from './presented-license.ts';

export type Situation = {
  readonly mode: LicensingMode | 'remote-administration' | 'not-configured';
  readonly inGrace: boolean;
  /** The license that the client presented; null if it presented none that counts (N1, N2). */
  readonly presented: PresentedLicense | null;
  readonly userAuthenticated: boolean;
  readonly perUserWhenUnreachable: 'admit' | 'refuse';
};

/** The result of a request to the license server. `unreachable`: no answer by the deadline, a fault, or BUSY. */
export type ServerAnswer =
  | { readonly kind: 'granted' }
  | { readonly kind: 'refused'; readonly code: RefusalCode }
  | { readonly kind: 'unreachable' };

export type AnsweredSituation = Situation & { readonly answer: ServerAnswer };

export type AdmissionRow<S> = {
  readonly id: TerminalServerRow;
  readonly act: 'admit' | 'refuse';
  readonly says: string;
  readonly when: (s: S) => boolean;
};

const inDate = (s: Situation): boolean => s.presented?.serves === true && s.presented.left !== 'nothing';
const good = (s: Situation): boolean =>
  s.presented?.kind === 'full' && s.presented.serves && s.presented.left === 'more-than-the-lead';
const unreachable = (s: AnsweredSituation): boolean => s.answer.kind === 'unreachable';
/** Refusals that do not invalidate a license that the client already has. */
const notNow = ({ answer }: AnsweredSituation): boolean =>
  answer.kind === 'refused' && (answer.code === 'QUOTA' || answer.code === 'STORAGE_NEARLY_FULL');
const userLetIn = (s: Situation): boolean => s.userAuthenticated && s.perUserWhenUnreachable === 'admit';

const row = <S>(
  id: TerminalServerRow,
  act: 'admit' | 'refuse',
  says: string,
  when: (s: S) => boolean,
): AdmissionRow<S> => ({
  id,
  act,
  says,
  when,
});

// prettier-ignore
export const beforeAsking: readonly AdmissionRow<Situation>[] = [
  row('D0',  'admit',  'The terminal server is in Remote Administration mode: the license server is not asked.',           (s) => s.mode === 'remote-administration'),
  row('G0',  'admit',  'No licensing mode is configured, and the terminal server is in its grace period.',                 (s) => s.mode === 'not-configured' && s.inGrace),
  row('G0',  'refuse', 'No licensing mode is configured, and the grace period is over.',                                   (s) => s.mode === 'not-configured'),
  row('D1',  'admit',  'The client presents a full license that serves, with more than the renewal lead left: the license server is not asked.', (s) => good(s)),
];

// prettier-ignore
export const afterAsking: readonly AdmissionRow<AnsweredSituation>[] = [
  row('A1',  'admit',  'The license server granted a license: the client is given it.',                                    (s) => s.answer.kind === 'granted'),
  row('D3',  'admit',  'The license server is unreachable, or refused with QUOTA or STORAGE_NEARLY_FULL, and the license presented is in date and serves.', (s) => (unreachable(s) || notNow(s)) && inDate(s)),
  row('G1',  'admit',  'The license server refused or is unreachable, and the terminal server is in its grace period.',    (s) => s.inGrace),
  row('U8',  'admit',  'Per User, the license server is unreachable: `perUserWhenUnreachable` lets authenticated users in.', (s) => s.mode === 'per-user' && unreachable(s) && userLetIn(s)),
  row('U8',  'refuse', 'Per User, the license server is unreachable, and the user is not let in by that setting.',         (s) => s.mode === 'per-user' && unreachable(s)),
  row('D12', 'refuse', 'Anything else: refused with the code of the license server, or LICENSE_SERVER_UNREACHABLE.',       () => true),
];

/** The row that decides without the license server, if one does. */
export const rowBeforeAsking = (s: Situation): AdmissionRow<Situation> | undefined =>
  beforeAsking.find((r) => r.when(s));

/** The row that decides after the license server was asked. There is always one, because the last row always matches. */
export const rowAfterAsking = (s: AnsweredSituation): AdmissionRow<AnsweredSituation> => {
  const found = afterAsking.find((r) => r.when(s));
  if (!found) throw new Error('the table of the terminal server has a gap');
  return found;
};

/** The code with which a row refuses. */
export const refusalOf = (row: TerminalServerRow, answer: ServerAnswer | undefined): RefusalCode => {
  if (row === 'G0') return 'MODE_NOT_CONFIGURED';
  return answer?.kind === 'refused' ? answer.code : 'LICENSE_SERVER_UNREACHABLE';
};
