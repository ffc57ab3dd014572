// A message that a service put aside.

import { z } from 'zod';
import { contract } from './envelope.ts';
import { faultCode } from './faults.ts';

export const deadLetter = contract(
  'dead-letter',
  1,
  'A message that no one can handle: where it came in, why it was put aside, and its bytes.',
  z.object({
    service: z.string().max(64),
    subject: z.string().max(512),
    code: faultCode,
    says: z.string().max(500),
    deliveries: z.int().min(1),
    bytes: z.string().max(350_000),
    /** Base64 of at most the first 256 KiB. */
    truncated: z.boolean(),
  }),
  524_288,
);
