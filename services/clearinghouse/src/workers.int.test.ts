// Three workers on one queue and one register. In each round one of them is killed and another started. Several license servers install,
// return, convert, recover and reactivate, and each command is sent once or several times. The register must equal the sum of the answers.

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { randomInt } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { purchasedCals, type PurchasedCals } from '@calbus/contracts/purchases';
import { rabbitmqNames } from '@calbus/contracts/rabbitmq-names';
import { eventually } from '@calbus/test-support/eventually';
import type { ServiceProcess } from '@calbus/test-support/service-process';
import { openJws } from '@calbus/licenses/jws';
import { newKeyPair } from '@calbus/licenses/certificates';
import {
  activateCommand,
  signedCommand,
  startClearinghouseHarness,
  purchase,
  rejectionReason,
  type ClearinghouseHarness,
  type FakeLicenseServer,
} from '@calbus/test-support/clearinghouse/harness';

const users = ['w1', 'w2', 'w3', 'w4', 'w5', 'w6'];
const ROUNDS = 7;
/** With the activations no account reaches its limit of commands a minute. */
const IN_A_ROUND = 5;
const seed = Number(process.env['CALBUS_TEST_SEED'] ?? randomInt(2 ** 31));

/** The same seed gives the same commands. The effect of the kills is always random. */
const dice = (from: number) => {
  let state = from >>> 0;
  const roll = (sides: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
  const one = <T>(list: readonly T[]): T | undefined => list[roll(list.length)];
  return { roll, one };
};

const agreements = [
  { program: 'select', agreementNumber: '1000001', covers: { 'per-device': 60 } },
  { program: 'select', agreementNumber: '1000002', covers: { 'per-device': 40, 'per-user': 15 } },
  { program: 'open', agreementNumber: '12345678-ABCDEFGH1234567', covers: { 'per-user': 30 } },
] as const;
const IN_A_BOX = 4;

const idOf = (jws: string): string => z.object({ id: z.string() }).parse(openJws(jws)?.payload).id;
const answerTo = z.object({ commandId: z.string() });

const agreementLines = z.array(
  z.object({
    program: z.string(),
    agreementNumber: z.string(),
    covers: z.array(
      z.object({ mode: z.string(), quantity: z.int(), issued: z.int(), left: z.int(), converted: z.int() }),
    ),
  }),
);
const packLines = z.array(
  z.object({
    keyPackId: z.string(),
    serverId: z.string(),
    epoch: z.int(),
    purchase: purchasedCals.extend({ quantity: z.int() }),
  }),
);
const codeLines = z.array(
  z.object({ number: z.int(), usedAt: z.int().nullable(), usedBy: z.string().nullable() }),
);

let scene: ClearinghouseHarness;
const workers: ServiceProcess[] = [];
before(async () => {
  scene = await startClearinghouseHarness(users);
});
after(async () => {
  for (const worker of workers) await worker.kill();
  await scene?.[Symbol.asyncDispose]();
});

type IssuedPack = { readonly serverId: string; readonly purchase: PurchasedCals; left: number };

test('killed workers issue exactly the bought CALs, and answer each command once', async (t) => {
  t.diagnostic(`CALBUS_TEST_SEED=${seed}`);
  const { roll, one } = dice(seed);
  for (const { program, agreementNumber, covers } of agreements)
    scene.addAgreement({
      program,
      agreementNumber,
      company: 'Example Ltd',
      covers: Object.entries(covers).map(([mode, quantity]) => ({
        version: '2003',
        mode: mode === 'per-user' ? 'per-user' : 'per-device',
        quantity,
      })),
    });
  for (let i = 0; i < 3; i += 1) workers.push(await scene.start());
  const contents = ['--cal-version', '2003', '--mode', 'per-device', '--quantity', String(IN_A_BOX)];
  const codes = z
    .array(z.object({ number: z.int(), code: z.string() }))
    .parse(scene.asVendor('codes', 'generate', ...contents, '--count', '8'))
    .map(({ code }) => code.replaceAll('-', ''));

  const commands = new Map<string, { readonly s: FakeLicenseServer; readonly jws: string }>();
  const answers = new Map<string, Set<string>>();
  let heard = 0;
  const sites = await Promise.all(users.map(scene.licenseServer));
  for (const s of sites)
    await s.channel.consume(
      rabbitmqNames.answersQueue(s.user),
      (m) => {
        if (!m) return;
        heard += 1;
        const jws = m.content.toString();
        const { commandId } = answerTo.parse(openJws(jws)?.payload);
        answers.set(commandId, (answers.get(commandId) ?? new Set()).add(jws));
      },
      { noAck: true },
    );
  let sent = 0;
  const send = async (s: FakeLicenseServer, jws: string, times: number): Promise<void> => {
    commands.set(idOf(jws), { s, jws });
    for (let i = 0; i < times; i += 1) await s.put(jws);
    sent += times;
  };
  const allAnswered = () =>
    eventually('an answer to every command', () => [...commands.keys()].filter((id) => !answers.has(id)), {
      accept: (open) => open.length === 0,
      withinMs: 60_000,
    });
  const answered = (id: string) => scene.read([...(answers.get(id) ?? [])][0] ?? '');

  const held = new Map<string, IssuedPack>();
  const told = new Map<string, number>();
  const keep = (jws: string): void => {
    const { keyPackId, serverId, purchase: p } = scene.readPack(jws);
    assert.ok(!held.has(keyPackId), 'a key pack was issued twice');
    held.set(keyPackId, { serverId, purchase: p, left: p.quantity });
  };
  const folded = new Set<string>();
  /** Applies the answers of a round to the model. */
  const fold = (): void => {
    for (const [id, { s, jws }] of commands) {
      if (folded.has(id)) continue;
      folded.add(id);
      const a = answered(id);
      told.set(rejectionReason(a), (told.get(rejectionReason(a)) ?? 0) + 1);
      if (a.type === 'key-pack') keep(a.body.keyPack);
      if (a.type === 'pack-changed') {
        const pack = held.get(a.body.keyPackId);
        assert.ok(pack);
        pack.left -= a.body.quantity;
        if (a.body.keyPack !== null) keep(a.body.keyPack);
      }
      if (a.type === 'activated') {
        assert.equal(a.body.epoch, s.epoch + 1, jws);
        s.serverId = a.body.serverId;
        s.epoch = a.body.epoch;
      }
    }
  };
  const next = (s: FakeLicenseServer): string => {
    const own = [...held].filter(([, h]) => h.serverId === s.serverId && h.left > 0);
    const [keyPackId, pack] = one(own) ?? [];
    const what = roll(10);
    if (keyPackId !== undefined && pack && what < 4) {
      const to = roll(2) === 0 ? 'agreement' : 'other-mode';
      // Sometimes one more than it has.
      return signedCommand(s, 'change-pack', { keyPackId, quantity: 1 + roll(pack.left + 1), to });
    }
    if (pack && what < 5) {
      const { program, agreementNumber } = pack.purchase;
      return signedCommand(s, 'recover', { paper: { program, agreementNumber } });
    }
    if (what < 7) return signedCommand(s, 'install', { program: 'retail', code: one(codes) });
    const { program, agreementNumber, covers } = one(agreements) ?? agreements[0];
    const mode = one(Object.keys(covers));
    return signedCommand(s, 'install', purchase(agreementNumber, 1 + roll(9), { program, mode }));
  };
  const neverMore = (): void => {
    for (const a of agreementLines.parse(scene.asVendor('agreements', 'list')))
      for (const c of a.covers) assert.ok(c.issued >= 0 && c.left >= 0 && c.issued + c.left === c.quantity);
  };

  for (const s of sites) await send(s, activateCommand(s), 2);
  await allAnswered();
  fold();
  let kills = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const anew = round % 4 === 3 ? one(sites) : undefined;
    await Promise.all(
      sites
        .map(async (s) => {
          for (let i = 0; i < IN_A_ROUND; i += 1) await send(s, next(s), roll(3) === 0 ? 2 + roll(2) : 1);
        })
        .concat(
          sleep(roll(60)).then(async () => {
            await workers.splice(roll(workers.length), 1)[0]?.kill();
            kills += 1;
          }),
        ),
    );
    workers.push(await scene.start());
    await allAnswered();
    fold();
    neverMore();
    const [some] = anew ? [...held.values()].filter((h) => h.serverId === anew.serverId && h.left > 0) : [];
    if (anew && some) {
      const { program, agreementNumber } = some.purchase;
      anew.keys = newKeyPair();
      const body = { reason: 'redeployed', paper: { program, agreementNumber } };
      await send(anew, signedCommand(anew, 'reactivate', body), 2);
      await allAnswered();
      fold();
    }
  }
  // All commands again, at any worker, get the same answers.
  for (const { s, jws } of commands.values()) await send(s, jws, 1);
  await eventually('an answer to every copy of a command', () => heard >= sent, { withinMs: 60_000 });
  for (const worker of workers) await worker.stop();

  t.diagnostic(
    `${commands.size} commands, sent ${sent} times, ${heard} answers, ${kills} workers killed: ${JSON.stringify(Object.fromEntries(told))}`,
  );
  assert.ok((told.get('key-pack') ?? 0) > 10 && (told.get('pack-changed') ?? 0) > 10);
  assert.equal(told.get('TOO_MANY_TRIES'), undefined);
  for (const [id, bytes] of answers) assert.equal(bytes.size, 1, `command ${id} has ${bytes.size} answers`);
  assert.equal(answers.size, commands.size);

  const packs = packLines.parse(scene.asVendor('packs'));
  assert.deepEqual(
    new Map(packs.map((p) => [p.keyPackId, [p.serverId, p.purchase.quantity]])),
    new Map([...held].map(([id, h]) => [id, [h.serverId, h.left]])),
  );
  const inUse = (of: (p: PurchasedCals) => boolean): number =>
    [...held.values()].filter((h) => of(h.purchase)).reduce((sum, h) => sum + h.left, 0);
  const lines = agreementLines.parse(scene.asVendor('agreements', 'list'));
  for (const { program, agreementNumber, covers } of lines)
    for (const { mode, issued } of covers)
      assert.equal(
        issued,
        inUse((p) => p.program === program && p.agreementNumber === agreementNumber && p.mode === mode),
      );
  for (const { agreementNumber, covers } of agreements)
    assert.ok(
      inUse((p) => p.agreementNumber === agreementNumber) <=
        Object.values(covers).reduce((sum: number, n: number) => sum + n, 0),
      agreementNumber,
    );
  for (const { number, usedAt } of codeLines.parse(scene.asVendor('codes', 'list'))) {
    const used = inUse((p) => p.program === 'retail' && p.agreementNumber === `CODE-${number}`);
    assert.ok(used <= IN_A_BOX, `code ${number} gave ${used} CALs`);
    assert.equal(usedAt !== null, used > 0);
  }
  const db = new DatabaseSync(path.join(scene.dataDir, 'clearinghouse.sqlite'), { readOnly: true });
  assert.deepEqual(
    db
      .prepare('PRAGMA integrity_check')
      .all()
      .map((r) => Object.values(r)),
    [['ok']],
  );
  assert.deepEqual(db.prepare('PRAGMA foreign_key_check').all(), []);
  assert.equal(db.prepare('SELECT count(*) AS n FROM answers').get()?.['n'], commands.size);
  db.close();
});
