// Every command and every query, spoilt in every way we could think of: wrong types, huge fields, deep nesting, old and
// future versions. Each gets an answer of the catalogue or a fault with a closed code, no service falls, and the ledger
// holds only what was properly asked for.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import type { NatsConnection } from 'nats';
import { exchanges, type Exchange } from '@calbus/contracts/catalogue';
import { decode } from '@calbus/contracts/envelope';
import type { Role } from '@calbus/contracts/identities';
import { inventoryStatus, queryStatus } from '@calbus/contracts/inventory-status-messages';
import { serviceFault } from '@calbus/contracts/service-fault';
import { subjects } from '@calbus/contracts/subjects';
import { connectTerminalServer } from '@calbus/operator-client/terminal-server-connection';
import { repositoryRoot } from '@calbus/local/repository';
import { eventually } from '@calbus/test-support/eventually';
import { startDeployment, type TestDeployment } from '@calbus/test-support/deployment';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const recordings = path.join(repositoryRoot, 'shared/contracts/recordings');
const recordingOf = (type: string): Json =>
  JSON.parse(readFileSync(path.join(recordings, `${type}.v1.json`), 'utf8')) as Json;

const deep = (depth: number): Json => {
  let value: Json = 1;
  for (let i = 0; i < depth; i += 1) value = i % 2 === 0 ? [value] : { a: value };
  return value;
};

/** What is put in the place of a value. */
const replacement: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>(
    null,
    true,
    -1,
    0,
    1.5,
    1e308,
    2 ** 53,
    '',
    ' ',
    '\u0000',
    '\u202e',
    '../..',
    '*',
    '>',
  ),
  fc.constantFrom<Json>([], {}, [[]], { toString: 1, constructor: 2 }, 'x'.repeat(20_000), deep(500)),
  fc.constantFrom<Json>(
    Array.from({ length: 2_000 }, (_, i) => i),
    'a'.repeat(300),
    '٣',
    '𝟛',
    'NaN',
  ),
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>,
);

/** Every path to a value within a message, its own and those of its parts. */
const pathsOf = (value: Json, at: readonly string[] = []): (readonly string[])[] => [
  at,
  ...(typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([k, v]) => pathsOf(v, [...at, k]))
    : []),
];

const withValue = (value: Json, [first, ...rest]: readonly string[], put: Json | undefined): Json => {
  if (first === undefined || typeof value !== 'object' || value === null) return put ?? null;
  const entries = Object.entries(value).flatMap(([k, v]): [string, Json][] => {
    if (k !== first) return [[k, v]];
    if (rest.length === 0 && put === undefined) return [];
    return [[k, withValue(v, rest, put)]];
  });
  return Array.isArray(value) ? entries.map(([, v]) => v) : Object.fromEntries(entries);
};

/** Messages made from a recording by spoiling one or two places, or its version. */
const spoilt = (recording: Json): fc.Arbitrary<Json> => {
  const somewhere = fc.constantFrom(...pathsOf(recording));
  const once = fc
    .tuple(somewhere, fc.option(replacement, { nil: undefined }))
    .map(([at, put]) => withValue(recording, at, put));
  const version = fc.constantFrom<Json>(0, 2, 99, 1_000_001, -1, 1.5, '1', null);
  return fc.oneof(
    { weight: 6, arbitrary: once },
    { weight: 1, arbitrary: version.map((v) => withValue(recording, ['version'], v)) },
    { weight: 1, arbitrary: fc.constant(withValue(recording, ['body'], deep(2_000))) },
  );
};

const seed = Number(process.env['CALBUS_SEED'] ?? 20_261_124);
const MESSAGES_OF_A_KIND = 60;

let s: TestDeployment;
before(async () => {
  s = await startDeployment();
});
after(async () => {
  await s?.[Symbol.asyncDispose]();
});

const status = () =>
  s.operator.ask(subjects.inventory.query('operator', 'status'), queryStatus, {}, inventoryStatus);

/** Sends them all, side by side but not all at once; what came back, or undefined for each. */
const sendAll = async (
  nc: NatsConnection,
  subject: string,
  messages: readonly Json[],
): Promise<(Uint8Array | undefined)[]> => {
  const answers: (Uint8Array | undefined)[] = [];
  for (let i = 0; i < messages.length; i += 20) {
    const some = messages.slice(i, i + 20).map(async (m) => {
      const bytes = new TextEncoder().encode(JSON.stringify(m));
      return await nc.request(subject, bytes, { timeout: 5_000 }).then(
        ({ data }) => data,
        () => undefined,
      );
    });
    answers.push(...(await Promise.all(some)));
  }
  return answers;
};

const asked = (e: Exchange): e is Exchange & { answers: NonNullable<Exchange['answers']> } =>
  e.transport === 'ask' && e.answers !== undefined;

describe('spoilt messages', () => {
  test('of every command and query get an answer of the catalogue, or a fault with a closed code', async (t) => {
    t.diagnostic(`seed ${seed}; CALBUS_SEED repeats it`);
    const pids = new Map([...s.services].map(([name, service]) => [name, service.pid()]));
    const { term } = await status();
    const codes = new Map<string, number>();
    for (const exchange of exchanges.filter(asked)) {
      const nc = await s.connectAs(exchange.from[0] as Role);
      for (const contract of exchange.messages) {
        const sample = { numRuns: MESSAGES_OF_A_KIND, seed };
        const messages = fc.sample(spoilt(recordingOf(contract.type)), sample);
        const answers = await sendAll(nc, exchange.subject.replace('{term}', String(term)), messages);
        for (const [i, bytes] of answers.entries()) {
          const what = `${contract.type}: ${JSON.stringify(messages[i]).slice(0, 300)}`;
          assert.ok(bytes, `no answer to ${what}`);
          const decoded = decode([...exchange.answers, serviceFault], bytes);
          assert.ok(decoded.ok, `an answer that is none to ${what}`);
          const { type, body } = decoded.message;
          const code = type === serviceFault.type ? (body as { code: string }).code : type;
          assert.notEqual(code, 'HANDLER_FAILED', what);
          codes.set(code, (codes.get(code) ?? 0) + 1);
        }
      }
      await nc.close();
    }
    t.diagnostic([...codes].map(([code, n]) => `${code} ${n}`).join(', '));
    for (const code of ['INVALID_BODY', 'NOT_AN_ENVELOPE', 'UNKNOWN_VERSION', 'UNKNOWN_TYPE'])
      assert.ok(codes.has(code), code);
    for (const [name, service] of s.services) assert.equal(service.pid(), pids.get(name), name);
  });

  test('of terminal servers are put aside or answered, and proper requests are decided meanwhile', async () => {
    const nc = await s.connectAs({ terminalServer: 'ts2' });
    // A message that came through whole may have set something.
    await s.calbus('settings', 'set', 'securityGroup=off', 'serverVersion=2025', 'quotas=off');
    const ts1 = await connectTerminalServer(s.profile, 'ts1');
    const hardwareId = `00000104${'f'.repeat(32)}`;
    for (const verb of ['request', 'requests', 'validated'] as const) {
      const messages = fc.sample(spoilt(recordingOf(`license.${verb}`)), { numRuns: 150, seed });
      await sendAll(nc, subjects.license[verb]('ts2'), messages);
      const d = await ts1.request({ device: { hardwareId, name: 'proper' } });
      assert.ok(d.outcome.kind === 'license', d.row);
    }
    await nc.close();
    await ts1.close();
    await eventually(
      'the queue is empty',
      async () => {
        const { stdout } = await s.calbus('status', '--json');
        const { queue } = JSON.parse(stdout) as { queue: { waiting: number; inHand: number } };
        return queue.waiting === 0 && queue.inHand === 0;
      },
      { withinMs: 15_000 },
    );
    assert.equal((await status()).voidMessages, 0);
  });
});
