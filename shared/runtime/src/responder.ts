// The one way a service answers requests on core NATS, in one order: check the reply, decode, handle, answer.
// It answers only where a caller of this kind listens: a reply subject is chosen by the caller, and NATS does not check it.

import type { Msg, NatsConnection, Subscription } from 'nats';
import {
  decode,
  dispatch,
  encode,
  type Body,
  type Contract,
  type Handlers,
} from '@calbus/contracts/envelope';
import { fault, faultOf, type Fault } from '@calbus/contracts/faults';
import { serviceFault } from '@calbus/contracts/service-fault';
import type { Clock } from './clock.ts';
import { readCorrelation } from './correlation.ts';
import type { DeadLetters } from './dead-letters.ts';
import type { Endpoints, EndpointRecorder } from './endpoints.ts';
import { newId } from './ids.ts';
import { errorFacts, type Log } from './log.ts';

/** An answer: the contract it is of, and its body. */
export type Answer = { readonly contract: Contract; readonly body: unknown };

/** Pairs a body with its contract, so that the compiler checks the one against the other. */
export const answerWith = <C extends Contract>(contract: C, body: Body<C>): Answer => ({
  contract,
  body,
});

export type Responder<C extends Contract> = {
  readonly subject: string;
  readonly queue?: string;
  /** What is taken here. */
  readonly contracts: readonly C[];
  /** The inboxes of the only callers that get an answer. */
  readonly callers: string | readonly string[];
  /** One for each type of message in `contracts`. */
  readonly handlers: Handlers<C, Answer | Promise<Answer>>;
};

export type RespondDeps = {
  readonly nc: NatsConnection;
  readonly clock: Clock;
  readonly log: Log;
  readonly dead: DeadLetters;
  /** Keeps how often each subject was asked. */
  readonly endpoints?: Endpoints;
};

const answerFault = (f: Fault): Answer =>
  answerWith(serviceFault, { code: f.code, says: f.detail.slice(0, 500) });

const one = async <C extends Contract>(
  deps: RespondDeps,
  r: Responder<C>,
  msg: Msg,
  endpoint: EndpointRecorder | undefined,
): Promise<void> => {
  const begun = deps.clock.monotonic();
  const reply = msg.reply ?? '';
  if (![r.callers].flat().some((inbox) => reply.startsWith(`${inbox}.`))) {
    await deps.dead.put({
      subject: msg.subject,
      fault: fault('FORBIDDEN_REPLY'),
      deliveries: 1,
      bytes: msg.data,
    });
    return;
  }
  const decoded = decode(r.contracts, msg.data);
  let answer: Answer;
  let failed: Fault | undefined;
  let causationId: string | null = null;
  let correlationId: string | undefined;
  if (!decoded.ok) {
    await deps.dead.put({ subject: msg.subject, fault: decoded.fault, deliveries: 1, bytes: msg.data });
    failed = decoded.fault;
    answer = answerFault(failed);
  } else {
    ({ id: causationId, correlationId } = decoded.message);
    try {
      answer = await dispatch(r.handlers, decoded.message);
    } catch (error) {
      const known = faultOf(error);
      if (!known) {
        const facts = { subject: msg.subject, id: causationId, correlationId, ...errorFacts(error) };
        deps.log.error(facts, 'a handler failed');
      }
      failed = known ?? fault('HANDLER_FAILED');
      answer = answerFault(failed);
    }
  }
  const id = newId();
  const stamp = { id, sentAt: deps.clock.now(), causationId, correlationId: correlationId ?? id };
  deps.nc.publish(reply, encode(answer.contract, stamp, answer.body));
  endpoint?.done(deps.clock.monotonic() - begun, failed?.code);
};

/** Starts answering. Requests are handled side by side; the handler decides what must be in order. */
export const respond = <C extends Contract>(deps: RespondDeps, r: Responder<C>): Subscription => {
  const endpoint = deps.endpoints?.open(r.subject, r.queue);
  const subscription = deps.nc.subscribe(r.subject, {
    ...(r.queue === undefined ? {} : { queue: r.queue }),
    callback: (error, msg) => {
      if (error) {
        deps.log.error({ subject: r.subject, ...errorFacts(error) }, 'a subscription was refused');
        return;
      }
      one(deps, r, msg, endpoint).catch((e: unknown) =>
        deps.log.error(
          { subject: r.subject, ...readCorrelation(msg.data), ...errorFacts(e) },
          'an answer could not be sent',
        ),
      );
    },
  });
  if (endpoint) void subscription.closed.then(endpoint.close, endpoint.close);
  return subscription;
};
