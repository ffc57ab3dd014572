// For tests: a RabbitMQ, the Clearinghouse's data directory, workers on it, the vendor's command, and license servers that write to it.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect, type Channel, type ChannelModel, type ConfirmChannel, type GetMessage } from 'amqplib';
import {
  ANSWER_TYP,
  clearinghouseAnswer,
  COMMAND_TYP,
  KEY_PACK_TYP,
  keyPackClaims,
  type ClearinghouseAnswer,
  type KeyPackClaims,
} from '@calbus/contracts/clearinghouse';
import { rabbitmqNames } from '@calbus/contracts/rabbitmq-names';
import type { Purchase, PurchaseAgreement } from '@calbus/contracts/purchases';
import { newId } from '@calbus/runtime/ids';
import { eventually } from '../eventually.ts';
import { startService, type ServiceProcess } from '../service-process.ts';
import { testRabbitmq, type TestRabbitmq } from '../servers.ts';
import { newKeyPair, publicJwk, type KeyPair } from '@calbus/licenses/certificates';
import { signJws } from '@calbus/licenses/jws';
import { openStatement } from '@calbus/licenses/statements';
import { rabbitDefinitions } from '../../../deploy/rabbitmq/definitions.ts';

const main = path.join(import.meta.dirname, '../../../services/clearinghouse/src/main.ts');
const vendor = path.join(import.meta.dirname, '../../../services/clearinghouse/src/cli/main.ts');

/** The next message of a queue; it may still be on its way. */
export const nextMessage = (channel: Channel, queue: string): Promise<GetMessage> =>
  eventually(
    `a message in ${queue}`,
    async () => {
      const got = await channel.get(queue, { noAck: true });
      if (got === false) throw new Error('the queue is empty');
      return got;
    },
    { withinMs: 20_000 },
  );

/** A license server as the Clearinghouse sees one: an account, a key and an identity. */
export type FakeLicenseServer = {
  readonly user: string;
  readonly channel: ConfirmChannel;
  readonly productId: string;
  readonly put: (bytes: string, options?: { readonly key?: string }) => Promise<void>;
  readonly next: () => Promise<string>;
  keys: KeyPair;
  serverId: string;
  epoch: number;
  sequence: number;
};

const contact = { firstName: 'Ada', lastName: 'Example', company: 'Example Ltd', country: 'GB' };

/** The bytes of a command, signed. `of`: what differs from what the license server would say now. */
export const signedCommand = (
  s: FakeLicenseServer,
  type: string,
  body: object,
  of: object = {},
  keys = s.keys,
): string => {
  s.sequence += 1;
  const server = type === 'activate' ? {} : { serverId: s.serverId };
  const epoch = type === 'activate' || type === 'reactivate' ? {} : { epoch: s.epoch };
  const payload = {
    id: newId(),
    version: 1,
    issuedAt: Date.now(),
    type,
    productId: s.productId,
    ...server,
    ...epoch,
    sequence: s.sequence,
    witness: null,
    body,
    ...of,
  };
  return signJws(keys.privateKey, { typ: COMMAND_TYP, jwk: publicJwk(keys.publicKey) }, payload);
};

export const activateCommand = (s: FakeLicenseServer): string => signedCommand(s, 'activate', { contact });

export const purchase = (agreementNumber: string, quantity: number, more: object = {}): Purchase => ({
  program: 'select',
  agreementNumber,
  version: '2003',
  mode: 'per-device',
  quantity,
  ...more,
});

export const rejectionReason = (a: ClearinghouseAnswer): string =>
  a.type === 'rejected' ? a.body.reason : a.type;

export type CommandResult = {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
};

/** It says so in a sentence, and ends as a command that was used wrongly or could not be done. */
export const assertUsageError = (
  { code, stdout, stderr }: CommandResult,
  says: RegExp,
  what: string,
): void => {
  assert.ok(code === 1 || code === 2, `${what}: exit code ${code}`);
  assert.equal(stdout, '', what);
  assert.match(stderr, says, what);
  assert.doesNotMatch(stderr, /^\s+at |\bnode:|Error:|\[object|undefined/m, what);
  assert.ok(stderr.trim().split('\n').length <= 3, `${what}: ${stderr}`);
};

export type ClearinghouseHarness = AsyncDisposable & {
  readonly rabbitmq: TestRabbitmq;
  readonly dir: string;
  readonly dataDir: string;
  readonly start: () => Promise<ServiceProcess>;
  /** The vendor's command, as a process. */
  readonly vendor: (...args: readonly string[]) => CommandResult;
  /** What it prints as JSON; it must succeed. */
  readonly asVendor: (...args: readonly string[]) => unknown;
  readonly addAgreement: (agreement: PurchaseAgreement) => CommandResult;
  readonly sell: (agreementNumber: string, quantity: number) => void;
  readonly root: () => string;
  readonly licenseServer: (user: string) => Promise<FakeLicenseServer>;
  readonly read: (jws: string) => ClearinghouseAnswer;
  readonly readPack: (jws: string) => KeyPackClaims;
  readonly request: (s: FakeLicenseServer, bytes: string) => Promise<ClearinghouseAnswer>;
  /** Has it activated, and remembers as what. */
  readonly activate: (s: FakeLicenseServer) => Promise<void>;
};

export const startClearinghouseHarness = async (users: readonly string[]): Promise<ClearinghouseHarness> => {
  const dir = mkdtempSync(path.join(tmpdir(), 'calbus-clearinghouse-'));
  const dataDir = path.join(dir, 'data');
  writeFileSync(path.join(dir, 'password'), 'vendor-pw\n');
  const rabbitmq = await testRabbitmq({
    definitions: rabbitDefinitions({
      clearinghouse: { user: 'clearinghouse', password: 'vendor-pw' },
      licenseServers: users.map((user) => ({ user, password: `pw-${user}` })),
    }),
  });
  const connections: ChannelModel[] = [];
  const root = (): string => readFileSync(path.join(dataDir, 'root.pem'), 'utf8');
  const run = (...args: readonly string[]): CommandResult => {
    const where = args.includes('--data') ? [] : ['--data', dataDir];
    const { status, stdout, stderr } = spawnSync(process.execPath, [vendor, ...args, ...where], {
      encoding: 'utf8',
      cwd: dir,
      timeout: 60_000,
    });
    return { code: status, stdout, stderr };
  };
  const enter = (agreement: PurchaseAgreement): CommandResult => {
    const file = path.join(dir, `${newId()}.json`);
    writeFileSync(file, JSON.stringify(agreement));
    return run('agreements', 'add', file);
  };
  const statement = (jws: string, typ: string): unknown => {
    const opened = openStatement(jws, typ, [root()], Date.now());
    assert.ok(opened.ok, opened.ok ? '' : opened.why);
    return opened.payload;
  };
  const read = (jws: string): ClearinghouseAnswer => clearinghouseAnswer.parse(statement(jws, ANSWER_TYP));
  const asked = async (s: FakeLicenseServer, bytes: string): Promise<ClearinghouseAnswer> => {
    await s.put(bytes);
    return read(await s.next());
  };
  return {
    rabbitmq,
    dir,
    dataDir,
    root,
    vendor: run,
    addAgreement: enter,
    read,
    request: asked,
    start: () =>
      startService({
        main,
        ready: /RabbitMQ: connected/,
        readyWithinMs: 60_000,
        env: {
          CALBUS_DATA_DIR: dataDir,
          CALBUS_RABBITMQ_URL: rabbitmq.url,
          CALBUS_RABBITMQ_USER: 'clearinghouse',
          CALBUS_RABBITMQ_PASSWORD_FILE: path.join(dir, 'password'),
        },
      }),
    asVendor: (...args) => {
      const { code, stdout, stderr } = run(...args, '--json');
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout);
    },
    sell: (agreementNumber, quantity) => {
      const covers = [{ version: '2003', mode: 'per-device', quantity } as const];
      const { code, stderr } = enter({ program: 'select', agreementNumber, company: 'Example Ltd', covers });
      assert.equal(code, 0, stderr);
    },
    readPack: (jws) => keyPackClaims.parse(statement(jws, KEY_PACK_TYP)),
    licenseServer: async (user) => {
      const model = await connect(rabbitmq.url.replace('://', `://${user}:pw-${user}@`));
      connections.push(model);
      const channel = await model.createConfirmChannel();
      const own = newId()
        .replaceAll(/[^A-Za-z0-9]/g, 'Q')
        .slice(-5)
        .toUpperCase();
      return {
        user,
        channel,
        keys: newKeyPair(),
        productId: `${user.toUpperCase().padEnd(5, 'A').slice(0, 5)}-BBBBB-CCCCC-${own}`,
        serverId: '',
        epoch: 0,
        sequence: 0,
        put: async (bytes, options = {}) => {
          const key = options.key ?? rabbitmqNames.commandKey(user);
          channel.publish(rabbitmqNames.commandsExchange, key, Buffer.from(bytes), { userId: user });
          await channel.waitForConfirms();
        },
        next: async () => (await nextMessage(channel, rabbitmqNames.answersQueue(user))).content.toString(),
      };
    },
    activate: async (s) => {
      const a = await asked(s, activateCommand(s));
      assert.ok(a.type === 'activated', rejectionReason(a));
      s.serverId = a.body.serverId;
      s.epoch = a.body.epoch;
    },
    [Symbol.asyncDispose]: async () => {
      for (const c of connections) await c.close().catch(() => {});
      await rabbitmq[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true, force: true });
    },
  };
};
