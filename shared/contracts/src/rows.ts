// The ids of the issuing rules that a decision can name; docs/issuance.md explains each.

import { z } from 'zod';

export const rows = [
  // before the tables
  'N3',
  'S1',
  'S2',
  'S3',
  'S4',
  // Per Device
  'D2',
  'D2n',
  'D4',
  'D6',
  'D7',
  'D8',
  'D9',
  'D10',
  'D11',
  'D13',
  'D16',
  // a log-on reported
  'D5',
  // a license of an earlier life of the ledger, learned again
  'N4',
  // the status of a terminal server
  'T0',
  // Per User
  'U0',
  'U1',
  'U2',
  'U3',
  'U4',
  'U5',
  'U9',
] as const;

export const rowId = z.enum(rows);
export type RowId = z.infer<typeof rowId>;

/** Rules by which an operator's command is recorded: a license revoked, devices merged, and that taken back. */
export const operatorRows = ['R1', 'M1', 'M2'] as const;
export type OperatorRow = (typeof operatorRows)[number];

/** Rows that a terminal server applies by itself, in their order; A1 hands on what the license server granted. */
export const terminalServerRows = ['D0', 'G0', 'D1', 'A1', 'D3', 'G1', 'U8', 'D12'] as const;
export type TerminalServerRow = (typeof terminalServerRows)[number];
