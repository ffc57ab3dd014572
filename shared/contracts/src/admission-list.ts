// Which terminal servers may connect: the list that `calbus terminal-server` keeps, and a deployment begins.

import { z } from 'zod';
import { instant, token } from './tokens.ts';

export const admissionEntry = z.strictObject({
  /** The public half of its nkey. */
  publicKey: z.string().regex(/^U[A-Z2-7]{55}$/),
  since: instant,
});

export const admissionList = z.strictObject({ terminalServers: z.record(token, admissionEntry) });
export type AdmissionEntries = z.infer<typeof admissionList>['terminalServers'];
