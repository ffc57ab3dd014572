// The requests that a hook sends to the agent, each one line of JSON. Parsing is total.

import { z } from 'zod';
import { firstIssue } from '@calbus/contracts/envelope';
import { user } from '@calbus/contracts/terminal-server-messages';
import { compactJws, hardwareId, name, token } from '@calbus/contracts/tokens';

/** The answer repeats it, so that a hook can match answers to requests. */
const id = z.union([z.string().max(64), z.int()]).optional();
const hex = z.string().max(40).toLowerCase().pipe(hardwareId);

const request = z.discriminatedUnion('do', [
  z.strictObject({
    do: z.literal('admit'),
    id,
    /** A caller that knows no device, such as PAM, leaves it out. Such a caller cannot request Per Device licenses. */
    device: z.strictObject({ hardwareId: hex, name }).optional(),
    user: user.strict().optional(),
    presented: compactJws.optional(),
  }),
  z.strictObject({ do: z.literal('validated'), id, licenseId: token, hardwareId: hex }),
  z.strictObject({ do: z.literal('status'), id }),
]);
export type AgentRequest = z.infer<typeof request>;

export type ParsedRequest =
  { readonly ok: true; readonly request: AgentRequest } | { readonly ok: false; readonly says: string };

const EXAMPLE = 'Send one line of JSON such as {"do":"status"}.';

export const parseRequest = (line: string): ParsedRequest => {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { ok: false, says: `The line is not JSON. ${EXAMPLE}` };
  }
  const parsed = request.safeParse(value);
  return parsed.success
    ? { ok: true, request: parsed.data }
    : { ok: false, says: `The line is not a request (${firstIssue(parsed.error)}). ${EXAMPLE}` };
};
