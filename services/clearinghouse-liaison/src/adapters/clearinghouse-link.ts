// Commands out, answers in, over RabbitMQ, as this license server's own user.

import { rabbitmqNames } from '@calbus/contracts/rabbitmq-names';
import { connectAmqp, type AmqpDelivery, type AmqpEndpoint } from '@calbus/runtime/amqp';
import type { Clock } from '@calbus/runtime/clock';
import type { DeadLetters } from '@calbus/runtime/dead-letters';
import type { Log } from '@calbus/runtime/log';
import type { AnswerOutcome } from '../handlers/clearinghouse-answer.ts';
import type { CommandLink } from '../ports.ts';

export type ClearinghouseLinkOptions = AmqpEndpoint & {
  readonly log: Log;
  readonly clock: Clock;
  readonly dead: DeadLetters;
  readonly handle: (bytes: Uint8Array) => AnswerOutcome;
  readonly onApplied: () => void;
  readonly onUp: () => void;
};

const PREFETCH = 4;

export const openClearinghouseLink = async (
  o: ClearinghouseLinkOptions,
): Promise<CommandLink & { readonly close: () => Promise<void> }> => {
  const queue = rabbitmqNames.answersQueue(o.user);
  const handle = async (m: AmqpDelivery): Promise<'settled' | 'later'> => {
    const outcome = o.handle(m.bytes);
    switch (outcome.kind) {
      case 'dead': {
        const { fault } = outcome;
        const letter = { subject: `amqp:${queue}`, fault, deliveries: m.deliveries, bytes: m.bytes };
        return (await o.dead.put(letter)) ? 'settled' : 'later';
      }
      case 'applied':
        o.log.info({ commandId: outcome.commandId, state: outcome.state }, 'the Clearinghouse answered');
        o.onApplied();
        return 'settled';
      case 'repeated':
        o.log.debug({ commandId: outcome.commandId }, 'the Clearinghouse answered again');
        return 'settled';
    }
  };
  const amqp = await connectAmqp({
    url: o.url,
    user: o.user,
    password: o.password,
    tls: o.tls,
    name: `clearinghouse-liaison ${o.user}`,
    log: o.log,
    clock: o.clock,
    onUp: o.onUp,
    declare: async (channel) => {
      // Not ours to make: without it the connection is tried again until the Clearinghouse has been there.
      await channel.checkExchange(rabbitmqNames.commandsExchange);
      await channel.assertQueue(queue, { durable: true, arguments: rabbitmqNames.answersQueueArguments });
      await channel.bindQueue(queue, rabbitmqNames.answersExchange, queue);
    },
    consume: { queue, prefetch: PREFETCH, handle },
  });
  return {
    isUp: amqp.isUp,
    close: amqp.close,
    send: (command) =>
      amqp.publish(
        rabbitmqNames.commandsExchange,
        rabbitmqNames.commandKey(o.user),
        Buffer.from(command.jws),
        {
          messageId: command.commandId,
        },
      ),
  };
};

/** The text that readiness shows while RabbitMQ is not connected. */
export const linkProblem =
  ({ isUp }: Pick<CommandLink, 'isUp'>) =>
  (): string | undefined =>
    isUp()
      ? undefined
      : 'RabbitMQ is not connected, and commands to the Clearinghouse wait: start it, or check CALBUS_RABBITMQ_URL.';
