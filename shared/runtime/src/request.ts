// The one way to ask a service on core NATS: encode, wait, decode. Every failure is a fault with a closed code.

import { ErrorCode, type NatsConnection } from 'nats';
import {
  decode,
  encode,
  isOf,
  type Body,
  type Contract,
  type Message,
  type Stamp,
} from '@calbus/contracts/envelope';
import { fault, FaultError } from '@calbus/contracts/faults';
import { serviceFault } from '@calbus/contracts/service-fault';

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';

/** Sends one request and opens the answer as one of `answers`. Throws FaultError only. */
export const sendRequest = async <C extends Contract, A extends Contract>(
  nc: NatsConnection,
  subject: string,
  c: C,
  stamp: Stamp,
  body: Body<C>,
  answers: readonly A[],
  timeoutMs: number,
): Promise<Message<A>> => {
  let data: Uint8Array;
  try {
    ({ data } = await nc.request(subject, encode(c, stamp, body), { timeout: timeoutMs }));
  } catch (error) {
    switch (codeOf(error)) {
      case ErrorCode.NoResponders:
        throw new FaultError(fault('UNREACHABLE', `No service answers on ${subject}.`));
      case ErrorCode.Timeout:
        throw new FaultError(fault('TIMEOUT', `No answer on ${subject} within ${timeoutMs} ms.`));
      default:
        throw new FaultError(
          fault('UNREACHABLE', `Asking on ${subject} failed (${codeOf(error) || 'error'}).`),
        );
    }
  }
  const decoded = decode<A | typeof serviceFault>([...answers, serviceFault], data);
  if (!decoded.ok) throw new FaultError(decoded.fault);
  const { message } = decoded;
  if (isOf(serviceFault, message)) {
    const { code, says: detail } = message.body;
    throw new FaultError({ code, detail });
  }
  return message;
};
