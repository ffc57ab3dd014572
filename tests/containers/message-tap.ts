// Hears all that crosses NATS and RabbitMQ: as each identity what this identity may hear, its inbox included, and by an account of
// its own on RabbitMQ. What a part of calbus said there has to be what the published schemas say.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { connect as connectAmqp } from 'amqplib';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { NatsConnection } from 'nats';
import { contracts, statements } from '@calbus/contracts/catalogue';
import { rabbitmqNames } from '@calbus/contracts/rabbitmq-names';
import { identities, terminalServerPermissions } from '@calbus/contracts/identities';
import { streams } from '@calbus/contracts/streams';
import { repositoryRoot } from '@calbus/local/repository';
import type { TestIdentity } from '@calbus/test-support/nats-bus';
import { eventually } from '@calbus/test-support/eventually';
import { unpack } from '../../services/inventory/src/adapters/nats-decisions.ts';
import type { ComposeDeployment } from './compose-deployment.ts';

type Json = { readonly [key: string]: unknown };
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const schemas = path.join(repositoryRoot, 'shared/contracts/schemas');
const ajv = new Ajv2020({ strict: false, validateFormats: false });
const nameOf = (c: { readonly type: string; readonly version: number }): string => `${c.type}.v${c.version}`;
const validators = new Map<string, ValidateFunction>(
  [...contracts, ...statements].map((c) => [
    nameOf(c),
    ajv.compile(JSON.parse(readFileSync(path.join(schemas, `${nameOf(c)}.json`), 'utf8')) as Json),
  ]),
);

/** Ids of messages that a test made up itself begin so. */
export const TEST_ID_PREFIX = 'test-';

export type Tap = {
  /** Names of the messages and statements that came by, as the catalogue has them. */
  readonly seen: ReadonlySet<string>;
  /** What did not fit its schema, in sentences. */
  readonly wrong: readonly string[];
  /** Every closed code that was in an answer, a decision or a dead letter. */
  readonly codes: ReadonlySet<string>;
  /** What is kept in streams is read now: ledger, decisions, dead letters, keys. */
  readonly readStreams: () => Promise<void>;
  /** Ends the connection to RabbitMQ; those to NATS end with the site. */
  readonly close: () => Promise<void>;
};

const payloadOf = (jws: unknown): unknown => {
  const payload = typeof jws === 'string' ? jws.split('.')[1] : undefined;
  return payload === undefined ? undefined : JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
};

export const openTap = async (site: ComposeDeployment, recordedIds: ReadonlySet<string>): Promise<Tap> => {
  const seen = new Set<string>();
  const wrong: string[] = [];
  const codes = new Set<string>();
  const check = (name: string, value: unknown, where: string): void => {
    const validate = validators.get(name);
    if (!validate) return void wrong.push(`${where}: ${name} is not in the catalogue.`);
    seen.add(name);
    if (validate(value)) return;
    const [e] = validate.errors ?? [];
    wrong.push(`${where}: ${name} does not fit its schema: ${e?.instancePath ?? ''} ${e?.message ?? ''}`);
  };
  const codesIn = (body: Json): void => {
    for (const found of [body, isObject(body['outcome']) ? body['outcome'] : {}])
      for (const code of [found['code'], found['reason']]) if (typeof code === 'string') codes.add(code);
  };
  const hear = (bytes: Uint8Array, where: string): void => {
    let value: unknown;
    try {
      value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    } catch {
      return; // an acknowledgement, or garbage of a test
    }
    if (!isObject(value) || typeof value['type'] !== 'string' || typeof value['version'] !== 'number') return;
    const { id, body } = value;
    if (typeof id !== 'string' || id.startsWith(TEST_ID_PREFIX) || recordedIds.has(id)) return;
    if (value['type'].startsWith('io.nats.')) return;
    check(`${value['type']}.v${value['version']}`, value, where);
    if (!isObject(body)) return;
    const { decisions } = body;
    for (const said of Array.isArray(decisions) ? decisions.filter(isObject) : [body]) {
      codesIn(said);
      const outcome = isObject(said['outcome']) ? said['outcome'] : {};
      if (typeof outcome['license'] === 'string')
        check('license.claims.v1', payloadOf(outcome['license']), where);
    }
  };
  const connections = new Map<string, NatsConnection>();
  const hearAs = async (who: TestIdentity, subjects: readonly string[]): Promise<void> => {
    const nc = await site.connectAs(who);
    connections.set(typeof who === 'string' ? who : who.terminalServer, nc);
    for (const subject of subjects)
      nc.subscribe(subject, { callback: (error, m) => (error ? undefined : hear(m.data, m.subject)) });
    await nc.flush();
  };
  for (const role of ['issuer', 'inventory', 'clearinghouse-liaison', 'operator'] as const)
    await hearAs(role, [`${identities[role].inbox}.>`, ...identities[role].subscribe]);
  await hearAs('inventory-ledger', []);
  for (const id of ['ts1', 'ts2'])
    await hearAs({ terminalServer: id }, terminalServerPermissions(id).subscribe);

  const close = await hearRabbitmq(site, (kind, bytes) => {
    const said = payloadOf(new TextDecoder().decode(bytes));
    check(`clearinghouse.${kind}.v1`, said, 'RabbitMQ');
    if (!isObject(said) || !isObject(said['body'])) return;
    codesIn(said['body']);
    const pack = said['body']['keyPack'];
    if (typeof pack === 'string') check('clearinghouse.key-pack.v1', payloadOf(pack), 'RabbitMQ');
  });

  const readAll = async (who: string, stream: string, take: (bytes: Uint8Array) => void): Promise<void> => {
    const nc = connections.get(who);
    if (!nc) throw new Error(`nobody listens as ${who}`);
    const consumer = await nc.jetstream().consumers.get(stream);
    const { num_pending: pending } = await consumer.info();
    if (pending === 0) return;
    for await (const m of await consumer.fetch({ max_messages: pending, expires: 10_000 })) take(m.data);
  };
  const readStreams = async (): Promise<void> => {
    await readAll('inventory-ledger', streams.ledger.name, (bytes) =>
      check('ledger.batch.v1', JSON.parse(new TextDecoder().decode(bytes)), 'the ledger'),
    );
    await readAll('inventory-ledger', streams.decisions.name, (bytes) =>
      hear(unpack(bytes), 'CAL_DECISIONS'),
    );
    const operator = connections.get('operator');
    const api = async (nc: NatsConnection | undefined, subject: string, ask: Json): Promise<Json> => {
      const answer = await nc?.request(subject, JSON.stringify(ask), { timeout: 5_000 });
      return answer?.json<Json>() ?? {};
    };
    const dead = streams.deadLetters.name;
    const info = await api(operator, `$JS.API.STREAM.INFO.${dead}`, {});
    const { last_seq: last } = info['state'] as { last_seq: number };
    for (let seq = 1; seq <= last; seq += 1) {
      const got = await api(operator, `$JS.API.STREAM.MSG.GET.${dead}`, { seq });
      const { data } = got['message'] as { data: string };
      hear(Buffer.from(data, 'base64'), dead);
    }
    const key = await connections
      .get('issuer')
      ?.request(`$JS.API.DIRECT.GET.${streams.keys.name}.$KV.CAL_KEYS.issuing`, '', { timeout: 5_000 });
    if (key) hear(key.data, streams.keys.name);
  };
  return { seen, wrong, codes, readStreams, close };
};

/** Hears commands and answers on RabbitMQ, with an account that only this test has; none of its ports is published. */
const hearRabbitmq = async (
  site: ComposeDeployment,
  hear: (kind: 'command' | 'answer', bytes: Uint8Array) => void,
): Promise<() => Promise<void>> => {
  const password = randomBytes(16).toString('hex');
  for (const args of [
    ['add_user', 'tap', password],
    ['set_permissions', 'tap', '.*', '.*', '.*'],
  ])
    await site.must('exec', '-T', 'rabbitmq', 'rabbitmqctl', '-q', ...args);
  const [id = ''] = await site.containers('rabbitmq');
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}';
  const address = (await site.docker('inspect', '-f', format, id)).stdout.trim().split(' ')[0] ?? '';
  const place = { hostname: address, username: 'tap', password };
  const connection = await eventually(
    'RabbitMQ lets the test listen',
    () =>
      site.ca === undefined
        ? connectAmqp({ protocol: 'amqp', port: 5672, ...place })
        : connectAmqp({ protocol: 'amqps', port: 5671, ...place }, { ca: [site.ca], servername: 'rabbitmq' }),
    { withinMs: 60_000, everyMs: 500 },
  );
  // RabbitMQ is killed later on; what is to be heard of it was heard by then.
  connection.on('error', () => undefined);
  const channel = await connection.createChannel();
  channel.on('error', () => undefined);
  const exchanges = {
    command: rabbitmqNames.commandsExchange,
    answer: rabbitmqNames.answersExchange,
  } as const;
  for (const kind of ['command', 'answer'] as const) {
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, exchanges[kind], '#');
    await channel.consume(queue, (m) => (m ? hear(kind, m.content) : undefined), { noAck: true });
  }
  return () => connection.close().catch(() => undefined);
};
