// The permissions of a license server's user on the broker, tried on a real broker.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { connect, type ConfirmChannel } from 'amqplib';
import { rabbitmqNames } from '@calbus/contracts/rabbitmq-names';
import { oncePerFile, testRabbitmq } from '@calbus/test-support/servers';
import { rabbitDefinitions } from './definitions.ts';

const accounts = {
  clearinghouse: { user: 'vendor', password: 'v' },
  licenseServers: [
    { user: 'one', password: '1' },
    { user: 'two', password: '2' },
  ],
};
const broker = oncePerFile(() => testRabbitmq({ definitions: rabbitDefinitions(accounts) }));
const own = rabbitmqNames.answersQueue('one');
const others = rabbitmqNames.answersQueue('two');
const queue = { durable: true, arguments: rabbitmqNames.answersQueueArguments };

/** The reply code with which the broker closes the channel after `act`; undefined when it allows it. */
const refusal = async (
  user: string,
  password: string,
  act: (c: ConfirmChannel) => unknown,
): Promise<number | undefined> => {
  const { url } = await broker();
  const model = await connect(url.replace('://', `://${user}:${password}@`));
  try {
    const channel = await model.createConfirmChannel();
    const closed = new Promise<number>((resolve) => {
      channel.on('error', (error: Error & { code?: number }) => resolve(error.code ?? 0));
    });
    try {
      await act(channel);
      await channel.waitForConfirms();
      await channel.checkExchange('amq.direct'); // the broker works in order: a refusal arrives before this answer
      return undefined;
    } catch {
      return await closed;
    }
  } finally {
    await model.close().catch(() => {});
  }
};

const put =
  (exchange: string, key: string, userId?: string) =>
  (c: ConfirmChannel): unknown =>
    c.publish(exchange, key, Buffer.from('x'), userId === undefined ? {} : { userId });

type Row = readonly [what: string, act: (c: ConfirmChannel) => unknown, code?: number];

const allowed: readonly Row[] = [
  ['declare its own answers queue', (c) => c.assertQueue(own, queue)],
  ['bind it with its own key', (c) => c.bindQueue(own, rabbitmqNames.answersExchange, own)],
  ['read it', (c) => c.get(own)],
  [
    'publish a command under its own key',
    put(rabbitmqNames.commandsExchange, rabbitmqNames.commandKey('one'), 'one'),
  ],
  ['check that the commands exchange exists', (c) => c.checkExchange(rabbitmqNames.commandsExchange)],
];

const refused: readonly Row[] = [
  ["read another's answers", (c) => c.get(others), 403],
  ["consume another's answers", (c) => c.consume(others, () => {}), 403],
  ["purge another's answers", (c) => c.purgeQueue(others), 403],
  ["declare another's answers queue", (c) => c.assertQueue(rabbitmqNames.answersQueue('three'), queue), 403],
  [
    "bind its own queue with another's key",
    (c) => c.bindQueue(own, rabbitmqNames.answersExchange, others),
    403,
  ],
  ['bind its own queue with a wildcard', (c) => c.bindQueue(own, rabbitmqNames.answersExchange, '#'), 403],
  ['bind its own queue to the commands', (c) => c.bindQueue(own, rabbitmqNames.commandsExchange, '#'), 403],
  ['bind its own queue to the dead letters', (c) => c.bindQueue(own, rabbitmqNames.deadExchange, '#'), 403],
  [
    "publish under another's key",
    put(rabbitmqNames.commandsExchange, rabbitmqNames.commandKey('two'), 'one'),
    403,
  ],
  [
    "publish as another's account",
    put(rabbitmqNames.commandsExchange, rabbitmqNames.commandKey('one'), 'two'),
    406,
  ],
  ['publish an answer to itself', put(rabbitmqNames.answersExchange, own), 403],
  ['publish an answer to another', put(rabbitmqNames.answersExchange, others), 403],
  ['publish a dead letter as another', put(rabbitmqNames.deadExchange, rabbitmqNames.commandKey('two')), 403],
  ['publish straight to a queue', put('', rabbitmqNames.commandsQueue), 403],
  ['read the commands', (c) => c.get(rabbitmqNames.commandsQueue), 403],
  ['read the dead letters', (c) => c.get(rabbitmqNames.deadQueue), 403],
  [
    'bind the commands queue',
    (c) => c.bindQueue(rabbitmqNames.commandsQueue, rabbitmqNames.answersExchange, own),
    403,
  ],
  [
    'unbind the commands queue',
    (c) =>
      c.unbindQueue(rabbitmqNames.commandsQueue, rabbitmqNames.commandsExchange, rabbitmqNames.commandKeys),
    403,
  ],
  ['delete the commands queue', (c) => c.deleteQueue(rabbitmqNames.commandsQueue), 403],
  ['declare a queue of its own choosing', (c) => c.assertQueue('mine'), 403],
  ['declare an exchange', (c) => c.assertExchange('calbus.mine', 'topic'), 403],
];

describe('the user of one license server', () => {
  for (const [what, act] of allowed)
    test(`may ${what}`, async () => assert.equal(await refusal('one', '1', act), undefined));
  for (const [what, act, code] of refused)
    test(`may not ${what}`, async () => assert.equal(await refusal('one', '1', act), code));
});

test('the Clearinghouse may do what its service does', async () => {
  const act = async (c: ConfirmChannel): Promise<void> => {
    await c.assertQueue(rabbitmqNames.commandsQueue, {
      durable: true,
      arguments: rabbitmqNames.commandsQueueArguments,
    });
    await c.assertQueue(rabbitmqNames.deadQueue, {
      durable: true,
      arguments: rabbitmqNames.deadQueueArguments,
    });
    await c.assertQueue(others, queue);
    await c.bindQueue(others, rabbitmqNames.answersExchange, others);
    c.publish(rabbitmqNames.answersExchange, others, Buffer.from('x'), { userId: 'vendor' });
  };
  assert.equal(await refusal('vendor', 'v', act), undefined);
});

test("RabbitMQ's default user, a missing password and another user's password are refused", async () => {
  const { url } = await broker();
  for (const who of ['guest:guest', 'one:', 'one:2', 'vendor:1', ':'])
    await assert.rejects(connect(url.replace('://', `://${who}@`)), who);
  await assert.rejects(connect(url), 'guest, by default');
});

test('no user reaches another virtual host, or may declare or delete foreign queues and exchanges', async () => {
  const { url } = await broker();
  for (const who of ['one:1', 'two:2', 'vendor:v']) {
    for (const vhost of ['other', 'test', '%2Fother'])
      await assert.rejects(connect(`${url.replace('://', `://${who}@`)}/${vhost}`), `${who} ${vhost}`);
    const [user = '', password = ''] = who.split(':');
    const acts: readonly Row[] = [
      ['declare a queue', (c) => c.assertQueue('mine')],
      ['delete an exchange of the broker', (c) => c.deleteExchange('amq.topic')],
      ['publish to an exchange of the broker', put('amq.topic', 'x')],
      [
        'listen to what the broker traces',
        (c) => c.bindQueue(rabbitmqNames.commandsQueue, 'amq.rabbitmq.trace', '#'),
      ],
    ];
    for (const [what, act] of acts) assert.equal(await refusal(user, password, act), 403, `${who}: ${what}`);
  }
});

test('a license server cannot redirect answers, commands or dead letters of others to itself', async () => {
  const moved: readonly Row[] = [
    [
      'another dead-letter exchange',
      (c) => c.assertQueue(own, { ...queue, deadLetterExchange: 'amq.topic' }),
    ],
    ['its queue declared otherwise', (c) => c.assertQueue(own, { durable: false })],
    [
      'exchange bound to exchange',
      (c) => c.bindExchange(rabbitmqNames.answersExchange, rabbitmqNames.commandsExchange, '#'),
    ],
    ['the commands exchange deleted', (c) => c.deleteExchange(rabbitmqNames.commandsExchange)],
    ['the answers exchange deleted', (c) => c.deleteExchange(rabbitmqNames.answersExchange)],
    ['the dead letters purged', (c) => c.purgeQueue(rabbitmqNames.deadQueue)],
    ["another's queue deleted", (c) => c.deleteQueue(others)],
  ];
  for (const [what, act] of moved) {
    const code = await refusal('one', '1', act);
    assert.ok(code === 403 || code === 406, `${what}: ${code}`);
  }
});

test('a user name that could act as a pattern is refused', () => {
  const licenseServers = [{ user: 'a.*', password: 'x' }];
  assert.throws(() => rabbitDefinitions({ ...accounts, licenseServers }), /cannot be a RabbitMQ user/);
});
