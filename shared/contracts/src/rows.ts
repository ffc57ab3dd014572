// The ids of the issuing rules a license server's decision can name; docs/issuance.md explains each.

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
