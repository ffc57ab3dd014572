// The envelope around every message, and the one way to open it. Decoding is total: any bytes give either
// a message or a fault with a closed code. Unknown fields are ignored, missing ones refused.

import { z } from 'zod';
import { fault, type Fault } from './faults.ts';
import { instant, token } from './tokens.ts';

const header = z.object({
  id: token,
  type: z.string().min(1).max(64),
  version: z.int().min(1).max(1_000_000),
  correlationId: token,
  causationId: token.nullable(),
  sentAt: instant,
});

export type Header = z.infer<typeof header>;

/** One kind of message: its name, its version, the schema of its body, and how large it may be on the wire. */
export type Contract<
  B extends z.ZodType = z.ZodType,
  T extends string = string,
  V extends number = number,
> = {
  readonly type: T;
  readonly version: V;
  readonly body: B;
  readonly maxBytes: number;
  readonly about: string;
};

export type Body<C extends Contract> = z.infer<C['body']>;
/** A message of `C`. Of a union of contracts it is a union that `type` discriminates. */
export type Message<C extends Contract = Contract> = C extends Contract
  ? Omit<Header, 'type' | 'version'> & {
      readonly type: C['type'];
      readonly version: C['version'];
      readonly body: Body<C>;
    }
  : never;

export const contract = <const T extends string, const V extends number, B extends z.ZodType>(
  type: T,
  version: V,
  about: string,
  body: B,
  maxBytes = 65_536,
): Contract<B, T, V> => ({ type, version, about, body, maxBytes });

/** One function for each message type of `C`: a table without an entry for one of them does not compile. */
export type Handlers<C extends Contract, R, A extends readonly unknown[] = []> = {
  readonly [T in C['type']]: (message: Message<Extract<C, { readonly type: T }>>, ...args: A) => R;
};

/** Calls the function of the message's type. */
export const dispatch = <C extends Contract, R, A extends readonly unknown[] = []>(
  handlers: Handlers<C, R, A>,
  message: Message<C>,
  ...args: A
): R => {
  const type: C['type'] = message.type;
  const handler: (message: Message<C>, ...args: A) => R = handlers[type];
  return handler(message, ...args);
};

/** Whether a message of a union is one of `c`. */
export const isOf = <C extends Contract>(c: C, message: Message): message is Message<C> =>
  message.type === c.type && message.version === c.version;

/** The schema of a whole message, envelope included; JSON Schemas are generated from it. */
export const messageSchema = (c: Contract) =>
  header.extend({ type: z.literal(c.type), version: z.literal(c.version), body: c.body });

export type Decoded<T> =
  { readonly ok: true; readonly message: T } | { readonly ok: false; readonly fault: Fault };

const utf8 = new TextDecoder('utf-8', { fatal: true });
const encoder = new TextEncoder();

/** The first thing wrong with a value, as one short sentence that repeats none of the value. */
export const firstIssue = (error: z.ZodError): string => {
  const [issue] = error.issues;
  if (!issue) return 'does not fit its schema';
  const at = issue.path.map(String).join('.');
  return `${at === '' ? 'the whole' : at.slice(0, 120)}: ${issue.message.slice(0, 160)}`;
};

const parseJson = (bytes: Uint8Array): { ok: true; value: unknown } | { ok: false; fault: Fault } => {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return { ok: false, fault: fault('NOT_UTF8') };
  }
  try {
    return { ok: true, value: JSON.parse(text) as unknown };
  } catch {
    return { ok: false, fault: fault('NOT_JSON') };
  }
};

/** Opens `bytes` as one of `contracts`. Never throws. */
export const decode = <C extends Contract>(
  contracts: readonly C[],
  bytes: Uint8Array,
): Decoded<Message<C>> => {
  const largest = Math.max(...contracts.map((c) => c.maxBytes));
  if (bytes.byteLength > largest) {
    return {
      ok: false,
      fault: fault('TOO_LARGE', `${bytes.byteLength} bytes; at most ${largest} are taken.`),
    };
  }
  const json = parseJson(bytes);
  if (!json.ok) return json;
  const head = header.safeParse(json.value);
  if (!head.success) return { ok: false, fault: fault('NOT_AN_ENVELOPE', firstIssue(head.error)) };
  const ofType = contracts.filter((c) => c.type === head.data.type);
  if (ofType.length === 0) {
    return {
      ok: false,
      fault: fault('UNKNOWN_TYPE', `Taken here: ${contracts.map((c) => c.type).join(', ')}.`),
    };
  }
  const chosen = ofType.find((c) => c.version === head.data.version);
  if (!chosen) {
    return {
      ok: false,
      fault: fault('UNKNOWN_VERSION', `Known versions: ${ofType.map((c) => c.version).join(', ')}.`),
    };
  }
  const body = chosen.body.safeParse((json.value as { body?: unknown }).body);
  if (!body.success) return { ok: false, fault: fault('INVALID_BODY', firstIssue(body.error)) };
  return { ok: true, message: { ...head.data, body: body.data } as Message<C> };
};

/** What a message must say beside its body. `correlationId` defaults to the message's own id. */
export type Stamp = { id: string; sentAt: number; correlationId?: string; causationId?: string | null };

/** The bytes of a message. The body is the caller's own, so only its type is checked. */
export const encode = <C extends Contract>(c: C, stamp: Stamp, body: Body<C>): Uint8Array =>
  encoder.encode(
    JSON.stringify({
      id: stamp.id,
      type: c.type,
      version: c.version,
      correlationId: stamp.correlationId ?? stamp.id,
      causationId: stamp.causationId ?? null,
      sentAt: stamp.sentAt,
      body,
    }),
  );
