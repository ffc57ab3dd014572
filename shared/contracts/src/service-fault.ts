// The answer of a service that could not handle a request.

import { z } from 'zod';
import { contract } from './envelope.ts';
import { faultCode } from './faults.ts';

export const serviceFault = contract(
  'service.fault',
  1,
  'A request to a service could not be handled. Not a decision: nothing is known to have changed.',
  z.object({ code: faultCode, says: z.string().max(500) }),
);
