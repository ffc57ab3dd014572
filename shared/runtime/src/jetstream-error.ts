// What JetStream says when it refuses: its own closed numbers, never its texts.

import { z } from 'zod';

const shape = z.object({
  api_error: z.object({ code: z.number(), err_code: z.number(), description: z.string().default('') }),
});

export type JetStreamError = {
  /** As in HTTP: 404 where the stream, consumer or message is not there. */
  readonly code: number;
  /** JetStream's own number for the reason. */
  readonly errCode: number;
  readonly says: string;
};

/** What of an error is JetStream's; undefined where it comes from elsewhere. */
export const jetStreamErrorOf = (error: unknown): JetStreamError | undefined => {
  const api = shape.safeParse(error).data?.api_error;
  return api && { code: api.code, errCode: api.err_code, says: api.description };
};

/** The answer of a call that asks for something; undefined where JetStream says that it is not there. */
export const undefinedIfMissing = async <T>(asked: Promise<T>): Promise<T | undefined> => {
  try {
    return await asked;
  } catch (error) {
    if (jetStreamErrorOf(error)?.code === 404) return undefined;
    throw error;
  }
};
