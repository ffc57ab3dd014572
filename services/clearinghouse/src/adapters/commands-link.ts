// Receives commands and sends answers over RabbitMQ. A command is acknowledged only when the broker has its answer or its dead letter on
// disk. An interrupted command is delivered again, and the register repeats its answer.

import type { ConfirmChannel } from 'amqplib';
import { rabbitmqNames } from '@calbus/contracts/rabbitmq-names';
import { connectAmqp, type AmqpDelivery, type AmqpEndpoint, type AmqpLink } from '@calbus/runtime/amqp';
import type { Clock } from '@calbus/runtime/clock';
import { newId } from '@calbus/runtime/ids';
import type { Log } from '@calbus/runtime/log';
import type { Delivery, Outcome } from '../handlers/command-handler.ts';

const PREFETCH = 16;

export type CommandsLinkOptions = AmqpEndpoint & {
  readonly log: Log;
  readonly clock: Clock;
  readonly handle: (delivery: Delivery) => Promise<Outcome>;
};

const declareTopology = async (channel: ConfirmChannel): Promise<void> => {
  for (const exchange of [
    rabbitmqNames.deadExchange,
    rabbitmqNames.commandsExchange,
    rabbitmqNames.answersExchange,
  ])
    await channel.assertExchange(exchange, 'topic', { durable: true });
  await channel.assertQueue(rabbitmqNames.deadQueue, {
    durable: true,
    arguments: rabbitmqNames.deadQueueArguments,
  });
  await channel.bindQueue(rabbitmqNames.deadQueue, rabbitmqNames.deadExchange, '#');
  await channel.assertQueue(rabbitmqNames.commandsQueue, {
    durable: true,
    arguments: rabbitmqNames.commandsQueueArguments,
  });
  await channel.bindQueue(
    rabbitmqNames.commandsQueue,
    rabbitmqNames.commandsExchange,
    rabbitmqNames.commandKeys,
  );
};

/** Declares the queue, so that an answer can wait for a license server that has never connected to this broker. */
const declareAnswers = async (channel: ConfirmChannel, user: string): Promise<void> => {
  const queue = rabbitmqNames.answersQueue(user);
  await channel.assertQueue(queue, { durable: true, arguments: rabbitmqNames.answersQueueArguments });
  await channel.bindQueue(queue, rabbitmqNames.answersExchange, queue);
};

export const openCommandsLink = async (o: CommandsLinkOptions): Promise<AmqpLink> => {
  const answer = async (user: string, jws: string): Promise<boolean> => {
    const put = () =>
      amqp.publish(rabbitmqNames.answersExchange, rabbitmqNames.answersQueue(user), Buffer.from(jws), {
        messageId: newId(),
      });
    let published = await put();
    if (published === 'unroutable') {
      await amqp.onChannel((channel) => declareAnswers(channel, user));
      published = await put();
    }
    return published === 'stored';
  };

  const bury = async (m: AmqpDelivery, code: string, says: string): Promise<boolean> => {
    const facts = { code, says, user: m.user ?? null, size: m.bytes.byteLength };
    o.log.warn(facts, 'message sent to the dead letters');
    const headers = {
      [rabbitmqNames.deadReasonHeader]: code,
      [rabbitmqNames.deadSaysHeader]: says.slice(0, 500),
    };
    const about = { messageId: newId(), headers: { ...headers, 'x-calbus-from': m.user ?? '' } };
    return (await amqp.publish(rabbitmqNames.deadExchange, m.routingKey, m.bytes, about)) === 'stored';
  };

  const handle = async (m: AmqpDelivery): Promise<'settled' | 'later'> => {
    const outcome = await o.handle(m);
    if (outcome.kind === 'dead')
      return (await bury(m, outcome.fault.code, outcome.fault.detail)) ? 'settled' : 'later';
    const { user, label, commandId } = outcome;
    o.log.info({ user, commandId, outcome: label }, 'command answered');
    return (await answer(outcome.user, outcome.answer)) ? 'settled' : 'later';
  };

  const amqp = await connectAmqp({
    url: o.url,
    user: o.user,
    password: o.password,
    tls: o.tls,
    name: 'clearinghouse',
    log: o.log,
    clock: o.clock,
    declare: declareTopology,
    consume: { queue: rabbitmqNames.commandsQueue, prefetch: PREFETCH, handle },
  });
  return amqp;
};
