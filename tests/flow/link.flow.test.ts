// The road between liaison and Clearinghouse, broken on purpose: whatever is cut, killed, lost, repeated, altered or reordered, each
// command has one outcome, the same on both sides and in the ledger; and licenses are given meanwhile. In the end nothing that was
// written has a secret in it that is not meant to be there. CALBUS_LINK_SEED says which story, CALBUS_LINK_STEPS how long.

import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { connect, type ChannelModel } from 'amqplib';
import { compactVerify, importX509 } from 'jose';
import { rabbitmqNames } from '@calbus/contracts/rabbitmq-names';
import type { Body, Contract } from '@calbus/contracts/envelope';
import { inventoryPacks, queryPacks } from '@calbus/contracts/inventory-query-messages';
import { inventoryStatus, queryStatus } from '@calbus/contracts/inventory-status-messages';
import {
  liaisonChangePack,
  liaisonDeactivate,
  liaisonActivate,
  liaisonInstall,
  liaisonReactivate,
  liaisonRecover,
  liaisonRefused,
  liaisonStatus,
  liaisonAccepted,
  queryLiaisonStatus,
} from '@calbus/contracts/liaison-messages';
import { issuingKeys } from '@calbus/contracts/issuing-keys';
import { decode } from '@calbus/contracts/envelope';
import { subjects, type LiaisonCommandName } from '@calbus/contracts/subjects';
import { newId } from '@calbus/operator-client/ids';
import { readSecret } from '@calbus/operator-client/profile';
import { CLEARINGHOUSE, LICENSE_SERVER } from '@calbus/local/deployment';
import { connectTerminalServer } from '@calbus/operator-client/terminal-server-connection';
import type { ServiceName } from '@calbus/local/services';
import { startFaultProxy, type FaultProxy } from '@calbus/test-support/fault-proxy';
import { eventually } from '@calbus/test-support/eventually';
import type { ServiceProcess } from '@calbus/test-support/service-process';
import { dice } from '../chaos/dice.ts';
import { seedFrom } from '../support/seed.ts';
import { runMain } from '../support/command.ts';
import { filesIn, filesThat, formsOf, formsOfCode, holdsAny, holdsPrivateKey } from './secrets-at-rest.ts';
import { hw, startDeployment, type TestDeployment } from '@calbus/test-support/deployment';

const seed = seedFrom('CALBUS_LINK_SEED');
const steps = Number(process.env['CALBUS_LINK_STEPS'] ?? 7);
const chance = dice(seed);
const answersQueue = rabbitmqNames.answersQueue(LICENSE_SERVER);
const copies = { commands: 'calbus.copies.commands', answers: 'calbus.copies.answers' };

let s: TestDeployment;
let wire: FaultProxy;
const ends = new Map<ServiceName, ServiceProcess>();
/** The clock of the license server's site is moved by so much. */
let offsetSeconds = 0;
/** License codes as they are printed, and how many of them were used. */
let codes: readonly string[] = [];
let codesUsed = 0;

const everStarted: ServiceProcess[] = [];

const start = async (name: ServiceName): Promise<void> => {
  const isOurs = name !== 'clearinghouse' && offsetSeconds > 0;
  const service = await s.startAnother(name, {
    ...(name.startsWith('clearinghouse') ? { CALBUS_RABBITMQ_URL: `amqp://${wire.host}:${wire.port}` } : {}),
    ...(isOurs ? { CALBUS_CLOCK_OFFSET: `${offsetSeconds}s` } : {}),
  });
  ends.set(name, service);
  everStarted.push(service);
};

before(async () => {
  s = await startDeployment({ ownRabbitmq: true });
  await s.firstLicense();
  const covers = ['per-device', 'per-user'].map((mode) => ({ version: '2003', mode, quantity: 10_000 }));
  for (const [program, agreementNumber] of Object.entries(papers)) {
    const file = path.join(s.deployment.dataDir, `${program}.json`);
    writeFileSync(file, JSON.stringify({ program, agreementNumber, company: 'Example Ltd', covers }));
    await s.addAgreement(file);
  }
  const data = path.join(s.deployment.dataDir, 'clearinghouse');
  const box = ['--cal-version', '2003', '--mode', 'per-device', '--quantity', '4', '--count', '60'];
  const generate = ['codes', 'generate', ...box, '--data', data];
  const made = await runMain('services/clearinghouse/src/cli/main.ts', generate);
  codes = made.stdout.trim().split('\n');
  assert.equal(codes.length, 60, made.stderr);
  const { host, port } = s.servers.rabbitmq;
  wire = await startFaultProxy({ host, port });
  for (const name of ['clearinghouse-liaison', 'clearinghouse', 'inventory', 'issuer'] as const) {
    await s.services.get(name)?.stop();
    await start(name);
  }
});
after(async () => {
  await s?.[Symbol.asyncDispose]();
  await wire?.[Symbol.asyncDispose]();
});

const papers = {
  enterprise: '2222222',
  spla: '3333333',
  open: '12345678-ABCDEFGHIJKLMNO',
  other: 'OURS-1',
} as const;
const by = 'a test';

const told = async <C extends Contract>(
  name: LiaisonCommandName,
  c: C,
  body: Omit<Body<C>, 'commandId' | 'by'>,
): Promise<string> => {
  const whole = { ...body, commandId: newId(), by } as unknown as Body<C>;
  const subject = subjects.liaison.command(name);
  try {
    const { type } = await s.operator.askAny(subject, c, whole, [liaisonAccepted, liaisonRefused]);
    return type;
  } catch {
    return 'unknown'; // killed just now; if it has taken it, the outbox shows it
  }
};
const packs = async () =>
  (await s.operator.ask(subjects.inventory.query('operator', 'packs'), queryPacks, {}, inventoryPacks)).packs;
const outbox = () =>
  s.operator.ask(subjects.liaison.query('operator', 'status'), queryLiaisonStatus, {}, liaisonStatus);

const contact = { firstName: 'Ann', lastName: 'Admin', company: 'Example', country: 'Sampleland' };
const anyPaper = () =>
  chance.pick(Object.entries(papers) as [keyof typeof papers, string][]) ?? assert.fail('no papers');

const commands: Record<string, () => Promise<string>> = {
  install: async () => {
    const [program, agreementNumber] = anyPaper();
    const mode = chance.pick(['per-device', 'per-user'] as const) ?? 'per-user';
    const quantity = chance.between(1, 9);
    return told('install', liaisonInstall, {
      purchase: { program, agreementNumber, version: '2003', mode, quantity },
    });
  },
  'a box': async () => opens(codes[codesUsed++] ?? assert.fail('no more boxes')),
  'a box again': async () => opens(chance.pick(codes.slice(0, codesUsed)) ?? codes[codesUsed++] ?? ''),
  'too many': () => {
    const [program, agreementNumber] = anyPaper();
    return told('install', liaisonInstall, {
      purchase: { program, agreementNumber, version: '2003', mode: 'per-user', quantity: 20_000 },
    });
  },
  'give back': async () => changePack('agreement'),
  convert: async () => changePack('other-mode'),
  recover: async () => {
    const [program, agreementNumber] = anyPaper();
    return told('recover', liaisonRecover, { paper: { program, agreementNumber } });
  },
  reactivate: async () =>
    told('reactivate', liaisonReactivate, {
      reason: 'certificate-corrupt',
      paper: { program: 'select', agreementNumber: '1234567' },
    }),
  deactivate: async () => told('deactivate', liaisonDeactivate, {}),
  activate: async () => told('activate', liaisonActivate, { contact }),
};
const opens = (code: string): Promise<string> =>
  told('install', liaisonInstall, { purchase: { program: 'retail', code: code.replaceAll('-', '') } });
const changePack = async (to: 'agreement' | 'other-mode'): Promise<string> => {
  const pack = chance.pick(await packs());
  return pack
    ? told('change-pack', liaisonChangePack, {
        keyPackId: pack.keyPackId,
        quantity: chance.between(1, 3),
        to,
      })
    : 'nothing';
};

/** On the broker as one of the two; closed afterwards. */
const onBroker = async <T>(
  who: typeof LICENSE_SERVER | typeof CLEARINGHOUSE,
  work: (model: ChannelModel) => Promise<T>,
): Promise<T> => {
  const file = who === CLEARINGHOUSE ? 'rabbitmq-clearinghouse' : 'rabbitmq-license-server';
  const { host, port } = s.servers.rabbitmq;
  const password = readSecret(s.deployment.secretFile(file));
  const model = await connect({ hostname: host, port, username: who, password });
  model.on('error', () => {});
  try {
    return await work(model);
  } finally {
    // What ended the connection has ended the work too, and that error says more.
    await model.close().catch(() => {});
  }
};

const copyAll = (): Promise<void> =>
  onBroker(CLEARINGHOUSE, async (model) => {
    const channel = await model.createChannel();
    for (const queue of Object.values(copies)) await channel.assertQueue(queue, { durable: true });
    await channel.bindQueue(copies.commands, rabbitmqNames.commandsExchange, rabbitmqNames.commandKeys);
    await channel.bindQueue(copies.answers, rabbitmqNames.answersExchange, '#');
  });

/** What passed since the last look, in its order. */
const passed = (queue: string): Promise<Buffer[]> =>
  onBroker(CLEARINGHOUSE, async (model) => {
    const channel = await model.createChannel();
    const all: Buffer[] = [];
    for (let m = await channel.get(queue); m !== false; m = await channel.get(queue)) {
      all.push(m.content);
      channel.ack(m);
    }
    return all;
  });
const put = (who: typeof LICENSE_SERVER | typeof CLEARINGHOUSE, messages: readonly Buffer[]): Promise<void> =>
  onBroker(who, async (model) => {
    const channel = await model.createConfirmChannel();
    const [exchange, key] =
      who === LICENSE_SERVER
        ? [rabbitmqNames.commandsExchange, rabbitmqNames.commandKey(LICENSE_SERVER)]
        : [rabbitmqNames.answersExchange, answersQueue];
    for (const bytes of messages) channel.publish(exchange, key, bytes, { userId: who, persistent: true });
    await channel.waitForConfirms();
  });

/** One letter of the payload or of the signature is another. */
const altered = (bytes: Buffer): Buffer => {
  const text = bytes.toString('latin1');
  const at = chance.between(text.indexOf('.') + 1, text.length - 2);
  return Buffer.from(`${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`, 'latin1');
};

const kill = async (name: ServiceName): Promise<void> => {
  await ends.get(name)?.kill();
};
const remakeAnswersQueue = (right: boolean): Promise<void> =>
  onBroker(CLEARINGHOUSE, async (model) => {
    const channel = await model.createChannel();
    await channel.deleteQueue(answersQueue);
    if (!right) await channel.assertQueue(answersQueue, { durable: true });
  });
const queueIsThere = async (): Promise<void> => {
  const look = (): Promise<boolean> =>
    onBroker(CLEARINGHOUSE, async (model) => {
      await (await model.createChannel()).checkQueue(answersQueue);
      return true;
    });
  await eventually('the liaison has declared its queue', look, { withinMs: 20_000, everyMs: 200 });
};
const seen: { commands: Buffer[]; answers: Buffer[] } = { commands: [], answers: [] };

const faults: Record<string, () => Promise<void>> = {
  nothing: async () => {},
  'the wire is cut': async () => {
    wire.cut();
    await sleep(chance.between(200, 1_500));
    wire.restore();
  },
  'what is sent is lost': async () => {
    wire.drop('toServer');
    await sleep(chance.between(200, 1_000));
    wire.restore();
  },
  'what comes is lost': async () => {
    wire.drop('toClient');
    await sleep(chance.between(200, 1_000));
    wire.restore();
  },
  'the liaison is killed': async () => {
    await kill('clearinghouse-liaison');
    await start('clearinghouse-liaison');
  },
  'the Clearinghouse is killed': async () => {
    await kill('clearinghouse');
    await sleep(chance.between(0, 800));
    await start('clearinghouse');
  },
  'the answers queue is deleted': () =>
    onBroker(CLEARINGHOUSE, async (model) => {
      await (await model.createChannel()).deleteQueue(answersQueue);
    }),
  'the broker closes the channels': async () => {
    // A queue that somebody made by hand, with other arguments: each declaration of it ends in 406 PRECONDITION_FAILED.
    wire.cut();
    await remakeAnswersQueue(false);
    wire.restore();
    await sleep(chance.between(800, 2_000));
    await remakeAnswersQueue(true);
  },
  'the exchange for commands is deleted': async () => {
    // What is published then closes its sender's channel, 404 NOT_FOUND.
    await onBroker(CLEARINGHOUSE, async (model) => {
      await (await model.createChannel()).deleteExchange(rabbitmqNames.commandsExchange);
    });
    await commands['install']?.();
    await sleep(chance.between(200, 800));
    await kill('clearinghouse');
    await start('clearinghouse');
    // Its copies are for this test; the Clearinghouse knows nothing of them.
    await eventually('the exchange is there again', () => copyAll().then(() => true), {
      withinMs: 20_000,
      everyMs: 200,
    });
  },
  'everything is said again, in another order': async () => {
    seen.commands.push(...(await passed(copies.commands)));
    seen.answers.push(...(await passed(copies.answers)));
    await put(LICENSE_SERVER, chance.shuffled(seen.commands));
    await put(CLEARINGHOUSE, chance.shuffled(seen.answers));
  },
  'altered copies': async () => {
    seen.commands.push(...(await passed(copies.commands)));
    seen.answers.push(...(await passed(copies.answers)));
    await put(LICENSE_SERVER, seen.commands.slice(-4).map(altered));
    await put(CLEARINGHOUSE, seen.answers.slice(-4).map(altered));
  },
  'answers come in reverse': async () => {
    await queueIsThere();
    await kill('clearinghouse-liaison');
    await sleep(500);
    const waiting = await passed(answersQueue);
    await put(CLEARINGHOUSE, waiting.toReversed());
    await start('clearinghouse-liaison');
  },
};

/** Devices ask all the time; each license is checked by the library, by a JOSE library, and shown again. */
const issuing = (signal: AbortSignal) => {
  const found = { given: 0, verified: 0, slowestMs: 0, failures: [] as string[] };
  const certificates = new Map<string, string>();
  const readCertificates = async (): Promise<void> => {
    const nc = await s.connectAs('issuer');
    const { data } = await nc.request(`$JS.API.DIRECT.GET.KV_CAL_KEYS.${subjects.issuingKeys}`);
    await nc.close();
    const decoded = decode([issuingKeys], data);
    if (decoded.ok) for (const k of decoded.message.body.keys) certificates.set(k.kid, k.chain[0] ?? '');
  };
  const verify = async (license: string): Promise<void> => {
    const kid = (
      JSON.parse(Buffer.from(license.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }
    ).kid;
    if (!certificates.has(kid)) await readCertificates();
    await compactVerify(license, await importX509(certificates.get(kid) ?? '', 'EdDSA'));
    found.verified += 1;
  };
  const run = async (): Promise<void> => {
    const ts = await connectTerminalServer(s.profile, 'ts1', { requestTimeoutMs: 30_000 });
    for (let n = 1_000; !signal.aborted; n += 1) {
      const device = { hardwareId: hw(n), name: `desk-${n}` };
      const from = performance.now();
      try {
        const first = await ts.request({ device });
        found.slowestMs = Math.max(found.slowestMs, performance.now() - from);
        if (first.outcome.kind !== 'license')
          throw new Error(`${first.row} ${JSON.stringify(first.outcome)}`);
        await verify(first.outcome.license);
        const again = await ts.request({ device, presented: first.outcome.license });
        if (again.outcome.kind !== 'license' || again.outcome.licenseId !== first.outcome.licenseId)
          throw new Error(`shown again: ${again.row} ${JSON.stringify(again.outcome)}`);
        await verify(again.outcome.license);
        found.given += 1;
      } catch (error) {
        found.failures.push(String(error));
      }
      await sleep(20);
    }
    await ts.close();
  };
  return { found, ended: run() };
};

/** The states of these commands as `calbus requests` shows them. */
const shown = async (commandIds?: readonly string[]): Promise<readonly string[]> => {
  const { stdout } = await s.calbus('requests', '--json');
  const all = JSON.parse(stdout) as { commandId: string; state: { state: string } }[];
  return all
    .filter((c) => commandIds === undefined || commandIds.includes(c.commandId))
    .map((c) => c.state.state);
};
const openCommands = async () =>
  (await outbox()).commands.filter((c) => !['done', 'rejected'].includes(c.state.state));

/** RabbitMQ cannot be reached for an hour: the site's clocks are moved in the middle, so that its timestamps are as after an hour. */
const anHourWithout = async (load: { readonly given: number }): Promise<void> => {
  const settled = (): Promise<unknown> =>
    eventually('all is answered', openCommands, {
      accept: (open) => open.length === 0,
      withinMs: 60_000,
      everyMs: 250,
    });
  // After a reconnect everything is sent again at once, and not when it would be due.
  wire.cut();
  wire.restore();
  await settled();
  wire.cut();
  for (const name of ['install', 'a box', 'a box again', 'convert']) await commands[name]?.();
  const waiting = (await openCommands()).map((c) => c.commandId);
  assert.ok(waiting.length >= 3);
  const allWait = (states: readonly string[]): boolean =>
    states.length === waiting.length && states.every((state) => state === 'waiting');
  assert.ok(allWait(await shown(waiting)));
  const before = load.given;
  offsetSeconds += 3_600;
  for (const name of ['inventory', 'clearinghouse-liaison', 'issuer'] as const) {
    await kill(name);
    await start(name);
  }
  const answers = (): Promise<boolean> => outbox().then(() => true);
  await eventually('the liaison answers', answers, { withinMs: 20_000 });
  assert.ok(allWait(await shown(waiting)), 'an hour later they still wait');
  assert.equal((await outbox()).link, 'down');
  await eventually('licenses are given', () => load.given > before + 20, { withinMs: 30_000 });
  assert.ok(allWait(await shown(waiting)));
  wire.restore();
  await settled();
};

/** All that Redis keeps, in words. It writes nothing to its disk here; elsewhere it might. */
const inRedis = async (): Promise<string> => {
  const values: unknown[] = [];
  for await (const found of s.redis.scanStream({ match: 'cal:*' }))
    for (const key of found as string[]) {
      const type = await s.redis.type(key);
      values.push(key, type === 'hash' ? await s.redis.hgetall(key) : await s.redis.dump(key));
    }
  assert.ok(values.length > 0, 'Redis holds counts');
  return JSON.stringify(values);
};

const looksForSecrets = async (): Promise<string> => {
  const dir = s.deployment.dataDir;
  const outputs = [
    ...everStarted.map((p): [string, string] => [p.name, p.stdout() + p.stderr()]),
    ['Redis', await inRedis()] as [string, string],
  ];
  const within = (holds: (text: string) => boolean): readonly string[] => [
    ...filesThat(dir, holds),
    ...outputs.filter(([, text]) => holds(text)).map(([name]) => name),
  ];
  const outside = (places: readonly string[], allowed: RegExp): readonly string[] =>
    places.filter((place) => !allowed.test(place));

  const keys = within(holdsPrivateKey);
  // The nkey seeds of identities; the Clearinghouse's root and signing keys. All are readable by their owner alone.
  assert.deepEqual(outside(keys, /^(secrets\/nats|clearinghouse\/keys)\//), [], 'private keys in the clear');
  assert.ok(keys.length > 2, 'those that are meant to be are found');

  const secrets = [...filesIn(path.join(dir, 'secrets')), path.join(dir, 'clearinghouse/keys/codes.secret')];
  const forms = secrets.flatMap((file) => formsOf(readFileSync(file, 'utf8').trim()));
  const passwords = within((text) => holdsAny(text, forms));
  const own = secrets.map((file) => path.relative(dir, file));
  assert.deepEqual(
    passwords.filter((place) => !own.includes(place)),
    [],
    'passwords and seeds elsewhere than in their files',
  );

  const used = codes.slice(0, codesUsed).flatMap(formsOfCode);
  const places = within((text) => holdsAny(text, used));
  // docs/operations/keys.md says so: a command holds its code while it travels, and RabbitMQ's files do for a while after.
  assert.deepEqual(outside(places, /^rabbitmq\/mnesia\//), [], 'license codes in the clear');
  const unused = codes.slice(codesUsed).flatMap(formsOfCode);
  assert.deepEqual(
    within((text) => holdsAny(text, unused)),
    [],
    'license codes that nobody has used are nowhere',
  );
  const files = [...filesIn(dir)].length;
  return `${files} files and ${outputs.length} outputs looked through for ${codes.length} license codes and ${secrets.length} secrets; in RabbitMQ's files are codes: ${places.length > 0 ? 'yes' : 'no'}`;
};

type Cals = Map<string, string>;
const register = () => {
  const db = new DatabaseSync(path.join(s.deployment.dataDir, 'clearinghouse/clearinghouse.sqlite'), {
    readOnly: true,
  });
  const rows = (sql: string) => db.prepare(sql).all() as Record<string, string | number>[];
  const read = {
    packs: new Map(
      rows('SELECT * FROM packs WHERE quantity > 0').map((r): [string, string] => [
        String(r['key_pack_id']),
        `${r['quantity']} ${r['mode']}`,
      ]),
    ),
    issuedOnPapers: rows(
      'SELECT program, number, mode, issued AS n FROM covers WHERE issued > 0 ORDER BY 1, 2, 3',
    ),
    inPacks: rows(
      'SELECT program, number, mode, sum(quantity) AS n FROM packs GROUP BY 1, 2, 3 HAVING n > 0 ORDER BY 1, 2, 3',
    ),
    answers: new Map(
      rows('SELECT command_id, answer FROM answers').map((r) => {
        const payload = Buffer.from(String(r['answer']).split('.')[1] ?? '', 'base64url').toString();
        return [String(r['command_id']), (JSON.parse(payload) as { type: string }).type];
      }),
    ),
    server: rows('SELECT server_id, epoch, standing FROM servers')[0],
  };
  db.close();
  return read;
};

test(
  `one outcome for each command, whatever happens on the road (seed ${seed})`,
  { timeout: 900_000 },
  async (t) => {
    await copyAll();
    const end = new AbortController();
    const load = issuing(end.signal);
    const told: string[] = [];
    const others = Object.keys(commands).filter((name) => !['deactivate', 'activate'].includes(name));
    const play = async () => {
      // Before queues are deleted: RabbitMQ 3.10 does not always find a quorum queue again that was deleted and made anew just before it was
      // killed. It is killed with commands on their way, and comes back.
      await commands['install']?.();
      await s.servers.rabbitmq.kill();
      await commands['convert']?.();
      assert.ok((await shown()).some((state) => ['waiting', 'sent', 'answered'].includes(state)));
      await s.servers.rabbitmq.restart();
      told.push('RabbitMQ is killed');
      // In good order, too: it goes down and comes back with commands on their way.
      const restarted = s.servers.rabbitmq.restart();
      for (const name of ['install', 'a box', 'give back']) await commands[name]?.();
      await restarted;
      told.push('RabbitMQ is restarted');
      for (let step = 0; step < steps; step += 1) {
        // The rare ones in their places; between them what an operator asks for, several at once.
        const rare = step % 6 === 3 ? ['deactivate'] : step % 6 === 4 ? ['activate', 'activate'] : [];
        const asked = [
          ...rare,
          ...Array.from({ length: chance.between(1, 3) }, () => chance.pick(others) ?? 'install'),
        ];
        const fault = chance.pick(Object.keys(faults)) ?? 'nothing';
        told.push(`${asked.join(', ')}; ${fault}`);
        const during = faults[fault]?.();
        for (const name of asked) await commands[name]?.();
        await during;
        await sleep(chance.between(0, 400));
      }
      // The Clearinghouse signs by a new key from now on, with commands on their way.
      await commands['reactivate']?.();
      await kill('clearinghouse');
      for (const name of ['signing.key.pem', 'signing.pem'])
        rmSync(path.join(s.deployment.dataDir, 'clearinghouse/keys', name));
      await start('clearinghouse');
      await commands['install']?.();
      told.push('the Clearinghouse has a new signing key');
      await anHourWithout(load.found);
      told.push('no RabbitMQ for an hour');
      return await eventually(
        `every command has an outcome (seed ${seed}): ${told.join(' | ')}`,
        async () => (await outbox()).commands,
        {
          accept: (all) => all.every((c) => c.state.state === 'done' || c.state.state === 'rejected'),
          withinMs: 120_000,
          everyMs: 250,
        },
      );
    };
    const played = async () => {
      try {
        return await play();
      } finally {
        end.abort();
        await load.ended;
      }
    };
    const settled = await played();

    const there = register();
    const status = await s.operator.ask(
      subjects.inventory.query('operator', 'status'),
      queryStatus,
      {},
      inventoryStatus,
    );
    const story = `seed ${seed}: ${told.join(' | ')}`;
    const differ = settled.flatMap((c) => {
      const answer = there.answers.get(c.commandId);
      const here = c.state.state === 'rejected' ? 'rejected' : 'done';
      const rejectedThere = answer === undefined || answer === 'rejected';
      return (here === 'rejected') === rejectedThere
        ? []
        : [`${c.about}: ${JSON.stringify(c.state)} here, ${answer} there`];
    });
    assert.deepEqual(differ, [], story);
    const here: Cals = new Map(
      (await packs()).filter((p) => p.quantity > 0).map((p) => [p.keyPackId, `${p.quantity} ${p.mode}`]),
    );
    const sorted = (m: Cals): string[] => [...m].map((entry) => entry.join(' ')).sort();
    assert.deepEqual(sorted(here), sorted(there.packs), story);
    assert.deepEqual(there.issuedOnPapers, there.inPacks, story);
    assert.equal((await packs()).filter((p) => (p.withheld ?? 0) > 0).length, 0, story);
    const { activation } = await outbox();
    assert.deepEqual(
      [activation?.serverId, activation?.epoch],
      [there.server?.['server_id'], there.server?.['epoch']],
      story,
    );
    assert.deepEqual(
      [status.activation?.serverId, status.activation?.epoch],
      [activation?.serverId, activation?.epoch],
    );
    assert.deepEqual(load.found.failures, [], story);
    assert.ok(load.found.given > 0);
    const secrets = await looksForSecrets();
    const { given, verified, slowestMs } = load.found;
    const outcomes = settled.map((c) => `${c.kind} ${c.state.state}`);
    const count = [...new Set(outcomes)]
      .map((o) => `${o}: ${outcomes.filter((x) => x === o).length}`)
      .join(', ');
    t.diagnostic(
      `${story}; ${count}; ${given} devices, ${verified} verifications, slowest answer ${Math.round(slowestMs)} ms; ${secrets}`,
    );
  },
);
