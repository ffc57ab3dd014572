// Random scenarios of two license servers and their vendor on the real register. Every command goes through the handler. A model that
// has only agreements and key packs, and adds them up, predicts each answer.

import assert from 'node:assert/strict';
import { createHmac, randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import {
  clearinghouseAnswer,
  COMMAND_TYP,
  keyPackClaims,
  MAX_RECOVERED,
  type ClearinghouseAnswer,
  type KeyPackClaims,
} from '@calbus/contracts/clearinghouse';
import { rabbitmqNames } from '@calbus/contracts/rabbitmq-names';
import { openSqlite } from '@calbus/runtime/sqlite';
import { newKeyPair, publicJwk, type KeyPair } from '@calbus/licenses/certificates';
import { signJws } from '@calbus/licenses/jws';
import { sqliteVendorAdmin } from './adapters/vendor-admin.ts';
import { schema } from './adapters/schema.ts';
import { sqliteStore } from './adapters/store.ts';
import { formatCode } from './domain/codes.ts';
import type { CommandDeps } from './handlers/command-effects.ts';
import { handleCommand } from './handlers/command-handler.ts';
import type { AgreementLine, VendorAdmin, Signer } from './ports.ts';

const seed = Number(process.env['CALBUS_TEST_SEED'] ?? randomInt(2 ** 31));
const dir = mkdtempSync(path.join(tmpdir(), 'calbus-register-'));
after(() => rmSync(dir, { recursive: true, force: true }));

const modes = ['per-device', 'per-user'] as const;
type Mode = (typeof modes)[number];
const otherOf = (mode: Mode): Mode => (mode === 'per-device' ? 'per-user' : 'per-device');
const PAPERS = ['1111111', '2222222', '3333333'];
const BOX = 3;
const CODES = 3;
const version = '2003' as const;
const check = (text: string): Uint8Array => createHmac('sha256', 'secret').update(text).digest();
/** Returns the claims instead of a signature. Other tests check signatures. */
const seal: Signer = {
  codeCheck: check,
  answer: (payload) => JSON.stringify(clearinghouseAnswer.parse(payload)),
  keyPack: (payload) => JSON.stringify(keyPackClaims.parse(payload)),
  certify: async () => '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n',
};

type Pack = {
  readonly id: string;
  readonly owner: Side;
  readonly paper: string;
  readonly mode: Mode;
  left: number;
};
type Side = {
  readonly user: string;
  readonly productId: string;
  keys: KeyPair;
  /** The key and the epoch before the last activation, which a copy still has. */
  before: { readonly keys: KeyPair; readonly epoch: number } | undefined;
  serverId: string;
  epoch: number;
  standing: 'none' | 'active' | 'deactivated' | 'retired';
  since: number;
  cloneAt: number | null;
};

let files = 0;
const world = () => {
  files += 1;
  const db = openSqlite(path.join(dir, `${files}.sqlite`), schema);
  // This test does not check durability.
  db.exec('PRAGMA synchronous = OFF');
  let now = 1_000_000_000_000;
  let made = 0;
  const next = (): number => (made += 1);
  const deps: CommandDeps = {
    store: sqliteStore(db),
    signer: seal,
    now: () => now,
    random: {
      id: () => `id-${next()}`,
      identifier: () => String(next()).padStart(35, 'K'),
    },
  };
  const desk = sqliteVendorAdmin(db);
  const sides = ['ls1', 'ls2'].map((user, i): Side => ({
    user,
    productId: `AAAAA-BBBBB-CCCCC-DDDD${i}`,
    keys: newKeyPair(),
    before: undefined,
    serverId: 'Z'.repeat(35),
    epoch: 1,
    standing: 'none',
    since: 0,
    cloneAt: null,
  }));
  const put = async (user: string, jws: string): Promise<string> => {
    const outcome = await handleCommand(deps, {
      bytes: Buffer.from(jws, 'latin1'),
      routingKey: rabbitmqNames.commandKey(user),
      user,
    });
    assert.ok(outcome.kind === 'answer');
    return outcome.answer;
  };
  const sent: { readonly user: string; readonly jws: string; readonly answer: string }[] = [];
  const ask = async (
    s: Side,
    type: string,
    body: object,
    of: object = {},
    keys = s.keys,
  ): Promise<ClearinghouseAnswer> => {
    // Slow enough for the limits on commands.
    now += 600_000;
    const epoch = type === 'activate' || type === 'reactivate' ? {} : { epoch: s.epoch };
    const server = type === 'activate' ? {} : { serverId: s.serverId };
    const head = { id: `c-${next()}`, version: 1, issuedAt: now, type, productId: s.productId };
    const payload = { ...head, ...server, ...epoch, sequence: next(), witness: null, body, ...of };
    const jws = signJws(keys.privateKey, { typ: COMMAND_TYP, jwk: publicJwk(keys.publicKey) }, payload);
    const answer = await put(s.user, jws);
    sent.push({ user: s.user, jws, answer });
    return clearinghouseAnswer.parse(JSON.parse(answer));
  };
  return { db, desk, sides, put, ask, sent, now: () => now };
};
type World = ReturnType<typeof world>;

const contact = { firstName: 'Ada', lastName: 'Example', company: 'Example Ltd', country: 'GB' };
const claims = (text: string): KeyPackClaims => keyPackClaims.parse(JSON.parse(text));
const said = (a: ClearinghouseAnswer): string => (a.type === 'rejected' ? a.body.reason : a.type);
const select = (agreementNumber: string) => ({ program: 'select', agreementNumber }) as const;
const paperOf = (paper: string) =>
  paper.startsWith('CODE-') ? { program: 'retail', agreementNumber: paper } : select(paper);

class Model {
  /** The agreements by number and type. */
  readonly papers = new Map<string, Map<Mode, number>>();
  readonly converted = new Map<string, number>();
  readonly packs: Pack[] = [];
  issued(paper: string, mode?: Mode): number {
    return this.packs
      .filter((p) => p.paper === paper && (mode === undefined || p.mode === mode))
      .reduce((sum, p) => sum + p.left, 0);
  }
  moved(paper: string, mode: Mode): number {
    return this.converted.get(`${paper} ${mode}`) ?? 0;
  }
  total(paper: string, mode: Mode): number {
    return (this.papers.get(paper)?.get(mode) ?? 0) + this.moved(paper, mode);
  }
}

const side = fc.constantFrom(0, 1);
const paper = fc.constantFrom(...PAPERS);
const mode = fc.constantFrom<Mode>('per-device', 'per-device', 'per-user');
const pick = fc.nat({ max: 30 });
const is = <K extends string>(kind: K) => fc.constant(kind);
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: is('enter'), paper, device: fc.nat({ max: 12 }), user: fc.nat({ max: 6 }) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ do: is('install'), side, paper, mode, quantity: fc.integer({ min: 1, max: 5 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: is('code'), side, number: fc.integer({ min: 1, max: CODES + 1 }) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: is('change'),
      side,
      pick,
      quantity: fc.integer({ min: 1, max: 5 }),
      to: fc.constantFrom('agreement', 'other-mode'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: is('recover'), side, pick }) },
  { weight: 2, arbitrary: fc.record({ do: is('reactivate'), side, pick }) },
  { weight: 1, arbitrary: fc.record({ do: is('activate'), side }) },
  { weight: 1, arbitrary: fc.record({ do: is('deactivate'), side }) },
  { weight: 2, arbitrary: fc.record({ do: is('copy'), side, late: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: is('retire'), side, release: fc.boolean(), sure: fc.nat({ max: 5 }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: is('repeat'), pick }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** The reason for which a command of this license server is refused by its sender alone; else undefined. */
const barred = (s: Side): string | undefined =>
  s.standing === 'none'
    ? 'UNKNOWN_SENDER'
    : s.standing === 'retired'
      ? 'RETIRED'
      : s.standing === 'deactivated'
        ? 'NOT_ACTIVATED'
        : undefined;

const begin = (w: World, s: Side, keys: KeyPair, a: ClearinghouseAnswer, epoch: number): void => {
  assert.ok(a.type === 'activated', said(a));
  if (s.standing !== 'none') {
    assert.equal(a.body.serverId, s.serverId);
    s.before = { keys: s.keys, epoch: s.epoch };
  }
  assert.equal(a.body.epoch, epoch);
  Object.assign(s, { keys, serverId: a.body.serverId, epoch, standing: 'active', since: w.now() });
};

const keep = (m: Model, s: Side, text: string): void => {
  const c = claims(text);
  assert.deepEqual([c.serverId, c.epoch], [s.serverId, s.epoch]);
  assert.ok(!m.packs.some((p) => p.id === c.keyPackId));
  const { agreementNumber, mode: type, quantity } = c.purchase;
  m.packs.push({ id: c.keyPackId, owner: s, paper: agreementNumber, mode: type, left: quantity });
};

const sideOf = (w: World, i: number): Side => w.sides[i] ?? assert.fail();
/** An agreement of this license server, present or past; else any. */
const paperAt = (m: Model, s: Side, at: number): string => {
  const own = m.packs.filter((p) => p.owner === s).map((p) => p.paper);
  return own[at % (own.length + 1)] ?? PAPERS[at % PAPERS.length] ?? '';
};

const enter = (desk: VendorAdmin, m: Model, x: Extract<Step, { do: 'enter' }>): string => {
  const wanted = new Map<Mode, number>([
    ['per-device', x.device],
    ['per-user', x.user],
  ]);
  const covers = modes.flatMap((type) => {
    const quantity = wanted.get(type) ?? 0;
    return quantity > 0 ? [{ version, mode: type, quantity }] : [];
  });
  if (covers.length === 0) return 'nothing';
  const decision = desk.enter({ ...select(x.paper), company: 'Example Ltd', covers }, 1);
  const lowered = modes.some((t) => (wanted.get(t) ?? 0) + m.moved(x.paper, t) < m.issued(x.paper, t));
  const before = m.papers.get(x.paper);
  if (before && lowered) {
    assert.equal(decision.kind, 'refused');
    return 'refused';
  }
  const same = before && modes.every((t) => (before.get(t) ?? 0) === wanted.get(t));
  assert.equal(decision.kind, before ? (same ? 'unchanged' : 'changed') : 'added');
  m.papers.set(x.paper, wanted);
  return decision.kind;
};

const run = async (w: World, m: Model, x: Step): Promise<string> => {
  switch (x.do) {
    case 'enter':
      return enter(w.desk, m, x);
    case 'install': {
      const s = sideOf(w, x.side);
      const known = m.papers.has(x.paper);
      const left = m.total(x.paper, x.mode) - m.issued(x.paper, x.mode);
      const covered = m.total(x.paper, x.mode) > 0 || m.moved(x.paper, x.mode) !== 0;
      const a = await w.ask(s, 'install', {
        ...select(x.paper),
        version,
        mode: x.mode,
        quantity: x.quantity,
      });
      const expected =
        barred(s) ??
        (!known
          ? 'UNKNOWN_AGREEMENT'
          : !covered
            ? 'PRODUCT_NOT_COVERED'
            : left < x.quantity
              ? 'NOT_ENOUGH_LEFT'
              : 'key-pack');
      assert.equal(said(a), expected);
      if (a.type === 'key-pack') keep(m, s, a.body.keyPack);
      return expected;
    }
    case 'code': {
      const s = sideOf(w, x.side);
      const a = await w.ask(s, 'install', { program: 'retail', code: formatCode(x.number, check) });
      const used = m.issued(`CODE-${x.number}`) > 0;
      const expected =
        barred(s) ?? (x.number > CODES ? 'UNKNOWN_CODE' : used ? 'CODE_ALREADY_USED' : 'key-pack');
      assert.equal(said(a), expected);
      if (a.type !== 'key-pack') return expected;
      assert.equal(claims(a.body.keyPack).purchase.quantity, BOX);
      keep(m, s, a.body.keyPack);
      return 'code used';
    }
    case 'change': {
      const s = sideOf(w, x.side);
      // Usually one of its own; sometimes another's, an empty one, or none.
      const own = m.packs.filter((p) => p.owner === s && p.left > 0);
      const some = [...own, ...own, ...own, ...m.packs];
      const pack = some[x.pick % (some.length + 1)];
      const keyPackId = pack?.id ?? 'X'.repeat(35);
      const a = await w.ask(s, 'change-pack', { keyPackId, quantity: x.quantity, to: x.to });
      const expected =
        barred(s) ??
        (pack?.owner !== s ? 'UNKNOWN_KEY_PACK' : pack.left < x.quantity ? 'PACK_TOO_SMALL' : 'pack-changed');
      assert.equal(said(a), expected);
      if (a.type !== 'pack-changed' || !pack) return expected;
      pack.left -= x.quantity;
      if (x.to === 'agreement') {
        assert.equal(a.body.keyPack, null);
        // An empty box is like new: its code is usable again.
        if (pack.paper.startsWith('CODE-') && m.issued(pack.paper) === 0) return 'code given back';
        return 'given back';
      }
      const into = otherOf(pack.mode);
      m.converted.set(`${pack.paper} ${pack.mode}`, m.moved(pack.paper, pack.mode) - x.quantity);
      m.converted.set(`${pack.paper} ${into}`, m.moved(pack.paper, into) + x.quantity);
      keep(m, s, a.body.keyPack ?? '');
      assert.deepEqual([m.packs.at(-1)?.mode, m.packs.at(-1)?.left], [into, x.quantity]);
      return 'converted';
    }
    case 'recover': {
      const s = sideOf(w, x.side);
      const number = paperAt(m, s, x.pick);
      const a = await w.ask(s, 'recover', { paper: paperOf(number) });
      const own = m.packs.filter((p) => p.owner === s && p.paper === number && p.left > 0);
      const expected = barred(s) ?? (own.length === 0 ? 'NOT_YOURS' : 'recovered');
      assert.equal(said(a), expected);
      if (a.type !== 'recovered') return expected;
      assert.equal(a.body.more, undefined);
      assert.deepEqual(
        new Map(
          a.body.keyPacks
            .map(claims)
            .map((c) => [c.keyPackId, [c.epoch, c.purchase.mode, c.purchase.quantity]]),
        ),
        new Map(own.map((p) => [p.id, [s.epoch, p.mode, p.left]])),
      );
      return expected;
    }
    case 'reactivate': {
      const s = sideOf(w, x.side);
      const keys = newKeyPair();
      const number = paperAt(m, s, x.pick);
      const own = m.packs.filter((p) => p.owner === s && p.left > 0);
      const a = await w.ask(s, 'reactivate', { reason: 'redeployed', paper: paperOf(number) }, {}, keys);
      const expected =
        s.standing === 'none' || s.standing === 'retired'
          ? barred(s)
          : own.length > 0 && !own.some((p) => p.paper === number)
            ? 'NOT_YOURS'
            : 'activated';
      assert.equal(said(a), expected);
      if (a.type === 'activated') begin(w, s, keys, a, s.epoch + 1);
      return `reactivate: ${expected}`;
    }
    case 'activate': {
      const s = sideOf(w, x.side);
      const a = await w.ask(s, 'activate', { contact });
      const expected =
        s.standing === 'active' ? 'ALREADY_ACTIVATED' : s.standing === 'retired' ? 'RETIRED' : 'activated';
      assert.equal(said(a), expected);
      if (a.type === 'activated') begin(w, s, s.keys, a, s.standing === 'none' ? 1 : s.epoch + 1);
      return `activate: ${expected}`;
    }
    case 'deactivate': {
      const s = sideOf(w, x.side);
      const a = await w.ask(s, 'deactivate', {});
      const expected = barred(s) ?? 'deactivated';
      assert.equal(said(a), expected);
      if (expected === 'deactivated') s.standing = 'deactivated';
      return expected;
    }
    case 'copy': {
      const s = sideOf(w, x.side);
      if (!s.before) return 'nothing';
      const { keys, epoch } = s.before;
      const issuedAt = x.late ? { issuedAt: s.since - 1 } : {};
      assert.equal(said(await w.ask(s, 'deactivate', {}, { epoch, ...issuedAt }, keys)), 'WRONG_EPOCH');
      if (!x.late) s.cloneAt = w.now();
      return x.late ? 'late' : 'copy';
    }
    case 'retire': {
      const s = sideOf(w, x.side);
      if (s.standing === 'none' || x.sure > 0) return 'nothing';
      const own = m.packs.filter((p) => p.owner === s && p.left > 0);
      const calsReleased = x.release ? own.reduce((sum, p) => sum + p.left, 0) : 0;
      assert.deepEqual(w.desk.retire(s.serverId, x.release), { calsReleased });
      if (x.release) for (const p of own) p.left = 0;
      s.standing = 'retired';
      return 'retired';
    }
    case 'repeat': {
      const one = w.sent[x.pick % (w.sent.length + 1)];
      if (!one) return 'nothing';
      assert.equal(await w.put(one.user, one.jws), one.answer);
      return 'repeated';
    }
  }
};

const agrees = (w: World, m: Model): void => {
  const lines = w.desk.agreements();
  for (const number of m.papers.keys()) {
    const line = lines.find((l) => l.agreementNumber === number);
    assert.ok(line);
    for (const type of modes) {
      const cover: AgreementLine['covers'][number] | undefined = line.covers.find((c) => c.mode === type);
      const [issued, total] = [m.issued(number, type), m.total(number, type)];
      assert.ok(issued <= total, `${number} ${type}: ${issued} of ${total}`);
      assert.deepEqual([cover?.issued ?? 0, cover?.quantity ?? 0], [issued, total], `${number} ${type}`);
      assert.equal(cover?.left ?? 0, total - issued);
    }
  }
  assert.deepEqual(
    new Map(w.desk.packs().map((p) => [p.keyPackId, p.purchase.quantity])),
    new Map(m.packs.map((p) => [p.id, p.left])),
  );
  for (const code of w.desk.codes()) {
    const inUse = m.issued(`CODE-${code.number}`);
    assert.ok(inUse <= BOX);
    assert.equal(code.usedAt !== null, inUse > 0);
  }
  const known = w.sides.filter((s) => s.standing !== 'none');
  assert.deepEqual(
    new Map(w.desk.servers().map((s) => [s.serverId, [s.standing, s.epoch, s.cloneAt, s.cals]])),
    new Map(
      known.map((s) => {
        const cals = m.packs.filter((p) => p.owner === s).reduce((sum, p) => sum + p.left, 0);
        return [s.serverId, [s.standing, s.epoch, s.cloneAt, cals]];
      }),
    ),
  );
};

test('the register always equals the sums of agreements and key packs', async (t) => {
  t.diagnostic(`CALBUS_TEST_SEED=${seed}`);
  const happened = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60, size: 'max' }), async (steps) => {
      const w = world();
      const m = new Model();
      w.desk.addCodes({ version, mode: 'per-device', quantity: BOX }, CODES, 1);
      for (const s of w.sides) begin(w, s, s.keys, await w.ask(s, 'activate', { contact }), 1);
      for (const number of PAPERS.slice(0, 2))
        enter(w.desk, m, { do: 'enter', paper: number, device: 8, user: 2 });
      for (const x of steps) {
        const what = await run(w, m, x);
        happened.set(what, (happened.get(what) ?? 0) + 1);
        agrees(w, m);
      }
      for (const { user, jws, answer } of w.sent) assert.equal(await w.put(user, jws), answer);
      agrees(w, m);
      w.db.close();
    }),
    { seed, numRuns: 120 },
  );
  t.diagnostic(JSON.stringify(Object.fromEntries(happened)));
  for (const what of [
    'key-pack',
    'code used',
    'given back',
    'converted',
    'recovered',
    'copy',
    'late',
    'retired',
    'refused',
    'NOT_ENOUGH_LEFT',
  ])
    assert.ok(happened.has(what), `no scenario had: ${what}`);
});

test('more key packs than fit in one answer come in several, each once in an epoch', async () => {
  const w = world();
  const s = sideOf(w, 0);
  const m = new Model();
  enter(w.desk, m, { do: 'enter', paper: '1111111', device: 1_000, user: 0 });
  begin(w, s, s.keys, await w.ask(s, 'activate', { contact }), 1);
  const PACKS = 2 * MAX_RECOVERED + 30;
  const one = { ...select('1111111'), version, mode: 'per-device', quantity: 1 };
  const ids = new Set<string>();
  for (let i = 0; i < PACKS; i += 1) {
    const a = await w.ask(s, 'install', one);
    assert.ok(a.type === 'key-pack', said(a));
    ids.add(claims(a.body.keyPack).keyPackId);
  }
  const part = async () => {
    const a = await w.ask(s, 'recover', { paper: select('1111111') });
    assert.ok(a.type === 'recovered', said(a));
    return { ids: a.body.keyPacks.map((p) => claims(p).keyPackId), more: a.body.more };
  };
  for (const epoch of [2, 3]) {
    const keys = newKeyPair();
    const body = { reason: 'redeployed', paper: select('1111111') };
    begin(w, s, keys, await w.ask(s, 'reactivate', body, {}, keys), epoch);
    const parts = [await part(), await part(), await part()];
    assert.deepEqual(
      parts.map((p) => p.more),
      [PACKS - MAX_RECOVERED, PACKS - 2 * MAX_RECOVERED, undefined],
    );
    assert.deepEqual(new Set(parts.flatMap((p) => p.ids)), ids);
  }
  w.db.close();
});
