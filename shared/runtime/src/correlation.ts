// By which ids a message is followed through the logs of all services, also where it does not decode.

import { z } from 'zod';
import { token } from '@calbus/contracts/tokens';

const ids = z.object({
  id: token.optional().catch(undefined),
  correlationId: token.optional().catch(undefined),
  body: z
    .object({ requestId: token.optional().catch(undefined), commandId: token.optional().catch(undefined) })
    .optional()
    .catch(undefined),
});

/** What is longer is not opened for this. */
const MAX_BYTES = 262_144;

export type Correlation = {
  readonly correlationId?: string;
  readonly requestId?: string;
  readonly commandId?: string;
};

/** What of a message's ids can be read. Never throws. */
export const readCorrelation = (bytes: Uint8Array): Correlation => {
  if (bytes.byteLength > MAX_BYTES) return {};
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const found = ids.safeParse(value).data;
    const correlationId = found?.correlationId ?? found?.id;
    const { requestId, commandId } = found?.body ?? {};
    return {
      ...(correlationId === undefined ? {} : { correlationId }),
      ...(requestId === undefined ? {} : { requestId }),
      ...(commandId === undefined ? {} : { commandId }),
    };
  } catch {
    return {};
  }
};
