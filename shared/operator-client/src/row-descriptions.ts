// Each row in a few words. docs/issuance.md has the whole table.

import type { OperatorRow, RowId, TerminalServerRow } from '@calbus/contracts/rows';

export const rowDescriptions: Record<RowId | OperatorRow, string> = {
  N3: 'the hardware id identifies no device',
  N4: 'a license of an earlier generation of the ledger, learned again',
  S1: 'the security group is on and the terminal server is not in it',
  S2: 'the terminal server is of a later version than is served',
  S3: 'the quota of the terminal server is used up',
  S4: 'the storage of the ledger is nearly full: no new temporary license',
  D2: 'full license renewed, no second CAL',
  D2n: 'full license within its lead, not renewed: not activated',
  D4: 'a new device: temporary license, no CAL taken',
  D5: 'log-on reported: temporary license validated',
  D6: 'validated temporary license, a CAL is free: full license',
  D7: 'no CAL can be taken: the temporary license again',
  D8: 'not validated by a log-on yet: the same temporary license',
  D9: 'licensed before, a CAL is free: full license',
  D10: 'had its temporary license, no CAL can be taken',
  D11: 'first temporary license of this version',
  D13: 'the same full license again, no second CAL',
  D16: 'upgraded: new CAL taken, old one returned',
  R1: 'revoked by an operator: the CAL is free at once',
  M1: 'two hardware ids are one device, says an operator',
  M2: 'a merge of devices taken back',
  T0: 'the status of the terminal server',
  U0: 'the user is not authenticated',
  U1: 'a Per User CAL is installed: nothing decremented',
  U2: 'the user is recorded for 60 days',
  U3: 'as many users as CALs, and the overdraft, are recorded',
  U4: 'no Per User CAL that serves',
  U5: 'a known user, in date: extended within the lead',
  U9: 'the license server is not activated: known users only',
};

/** The rows that a terminal server applies by itself. */
export const admissionRowDescriptions: Record<TerminalServerRow, string> = {
  D0: 'Remote Administration mode: the license server is not asked',
  G0: 'no licensing mode is configured: let in during the grace period only',
  D1: 'a full license is presented, with more than the lead left: the license server is not asked',
  A1: 'the license server granted it',
  D3: 'the license server is unreachable or takes nothing new: let in on the license presented',
  G1: 'the license server refused or is unreachable: let in, in the grace period',
  U8: 'Per User, the license server is unreachable: as the setting perUserWhenUnreachable says',
  D12: 'nothing lets the client in',
};
