// Each kind of command and answer: said, heard, and the very same signed statement again. Says how many groups each takes.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import {
  ANSWER_TYP,
  clearinghouseAnswer,
  clearinghouseCommand,
  COMMAND_TYP,
  KEY_PACK_TYP,
  keyPackClaims,
} from '@calbus/contracts/clearinghouse';
import type { PurchasedCals } from '@calbus/contracts/purchases';
import { bitWriter } from './phone-code-bits.ts';
import { decodeGroups, encodeGroups } from './phone-code-groups.ts';
import { makeCertificate, newKeyPair, publicJwk } from '@calbus/licenses/certificates';
import { openJws, signJws, verifyJws } from '@calbus/licenses/jws';
import { decodeAnswer, decodeCommand, encodeAnswer, encodeCommand } from './phone-code-statements.ts';
import { openStatement, signStatement } from '@calbus/licenses/statements';

const NOW = 1_790_000_000_123;
const DAY = 86_400_000;
const span = { notBefore: NOW - DAY, notAfter: NOW + 3_650 * DAY };
const SERVER = 'ABCDE12345ABCDE12345ABCDE12345ABCDE';
const PACK = 'ZYXWV98765ZYXWV98765ZYXWV98765ZYXWV';
const root = newKeyPair();
const rootPem = await makeCertificate({ role: 'root', commonName: 'Example root', ...root, ...span });
const issuer = { certificate: rootPem, privateKey: root.privateKey };
const signing = newKeyPair();
const { publicKey } = signing;
const signingPem = await makeCertificate({
  role: 'clearinghouse',
  commonName: 'Example',
  publicKey,
  issuer,
  ...span,
});
const server = newKeyPair();
const id = (): string => randomBytes(16).toString('base64url');

const head = {
  version: 1,
  issuedAt: NOW,
  productId: 'AAAAA-BBBBB-CCCCC-22222',
  sequence: 7,
  witness: { generation: id(), sequence: 4_711, hash: 'ab'.repeat(32) },
};
const of = { serverId: SERVER, epoch: 3 };
const select = { program: 'select', agreementNumber: '1234567' } as const;
const cals = { version: '2022', mode: 'per-user', quantity: 25 } as const;
const contact = { firstName: 'Ann', lastName: 'Admin', company: 'Example Ltd', country: 'Sampleland' };
const commands = {
  activate: { type: 'activate', body: { contact } },
  'activate, with all of the contact': {
    type: 'activate',
    witness: null,
    body: {
      contact: {
        ...contact,
        email: 'ann@example.org',
        city: 'Zürich',
        organisationUnit: 'IT',
        postalCode: '8000',
      },
    },
  },
  reactivate: { type: 'reactivate', serverId: SERVER, body: { reason: 'redeployed', paper: select } },
  'reactivate, with counts': {
    type: 'reactivate',
    serverId: SERVER,
    body: { reason: 'upgraded', paper: select, issued: [{ keyPackId: PACK, issued: 12 }] },
  },
  deactivate: { type: 'deactivate', ...of, body: {} },
  'install (agreement)': { type: 'install', ...of, body: { ...select, ...cals } },
  'install (open)': {
    type: 'install',
    ...of,
    body: { program: 'open', agreementNumber: '12345678-ABCDE12345FGHIJ', ...cals },
  },
  'install (retail)': { type: 'install', ...of, body: { program: 'retail', code: 'ABCDE'.repeat(5) } },
  recover: { type: 'recover', ...of, body: { paper: { program: 'other', agreementNumber: 'PO/17.4-B' } } },
  'change-pack': { type: 'change-pack', ...of, body: { keyPackId: PACK, quantity: 5, to: 'other-mode' } },
} as const;
type Name = keyof typeof commands;

const sign = (name: Name): string =>
  signJws(
    server.privateKey,
    { typ: COMMAND_TYP, jwk: publicJwk(server.publicKey) },
    clearinghouseCommand.parse({ id: id(), ...head, ...commands[name] }),
  );
const pack = (purchase: PurchasedCals, keyPackId = PACK, certificate = signingPem): string =>
  signStatement(
    signing.privateKey,
    certificate,
    KEY_PACK_TYP,
    keyPackClaims.parse({ version: 1, keyPackId, ...of, issuedAt: NOW, purchase }),
  );
const answerTo = (commandJws: string, type: string, body: object): string => {
  const command = JSON.parse(Buffer.from(commandJws.split('.')[1] ?? '', 'base64url').toString()) as {
    id: string;
  };
  return signStatement(
    signing.privateKey,
    signingPem,
    ANSWER_TYP,
    clearinghouseAnswer.parse({
      id: id(),
      version: 1,
      issuedAt: NOW,
      commandId: command.id,
      productId: head.productId,
      type,
      body,
    }),
  );
};

suite('a command', () => {
  for (const name of Object.keys(commands) as Name[])
    test(name, (t) => {
      const jws = sign(name);
      const groups = encodeCommand(jws);
      assert.ok(groups);
      t.diagnostic(`${name}: ${groups.length} groups, of a statement of ${jws.length} characters`);
      assert.deepEqual(decodeCommand(groups), { ok: true, jws });
    });

  test('that was signed in another order of members is not spoken: it would not come out the same', () => {
    const key = { typ: COMMAND_TYP, jwk: publicJwk(server.publicKey) };
    const other = { body: { contact }, id: id(), ...head, type: 'activate' };
    assert.equal(encodeCommand(signJws(server.privateKey, key, other)), undefined);
  });
});

const certificate = await makeCertificate({
  role: 'license-server',
  commonName: SERVER,
  publicKey: server.publicKey,
  issuer,
  ...span,
});
const many = Array.from({ length: 4 }, (_, i) => pack({ ...select, ...cals }, `${PACK.slice(0, 34)}${i}`));
const answers: readonly (readonly [string, Name, string, object])[] = [
  ['activated', 'activate', 'activated', { serverId: SERVER, epoch: 1, chain: [certificate] }],
  ['activated again', 'reactivate', 'activated', { serverId: SERVER, epoch: 4, chain: [certificate] }],
  ['key-pack', 'install (agreement)', 'key-pack', { keyPack: pack({ ...select, ...cals }) }],
  [
    'key-pack (retail)',
    'install (retail)',
    'key-pack',
    { keyPack: pack({ program: 'retail', agreementNumber: 'CODE-12', ...cals }) },
  ],
  ['deactivated', 'deactivate', 'deactivated', {}],
  ['recovered, 1 pack', 'recover', 'recovered', { keyPacks: many.slice(0, 1) }],
  ['recovered, 4 packs', 'recover', 'recovered', { keyPacks: many }],
  [
    'pack-changed',
    'change-pack',
    'pack-changed',
    { keyPackId: PACK, quantity: 5, keyPack: pack({ ...select, ...cals, quantity: 5 }, SERVER) },
  ],
  ['pack-changed (removed)', 'change-pack', 'pack-changed', { keyPackId: PACK, quantity: 5, keyPack: null }],
  [
    'rejected',
    'install (agreement)',
    'rejected',
    {
      reason: 'NOT_ENOUGH_LEFT',
      says: 'The agreement has fewer CALs left than were asked for. Left: 3; asked for: 25.',
    },
  ],
  [
    'rejected, in words of its own',
    'recover',
    'rejected',
    { reason: 'NOT_YOURS', says: 'Nein: gehört Ihnen nicht.' },
  ],
];

suite('an answer', () => {
  for (const [name, to, type, body] of answers)
    test(name, async (t) => {
      const command = sign(to);
      const jws = answerTo(command, type, body);
      const groups = await encodeAnswer(jws, command, rootPem);
      assert.ok(groups);
      t.diagnostic(`${name}: ${groups.length} groups, of a statement of ${jws.length} characters`);
      assert.deepEqual(await decodeAnswer(groups, command, rootPem), { ok: true, jws });
    });

  test('to another command is named as one', async () => {
    const [mine, other] = [sign('deactivate'), sign('deactivate')];
    const groups = await encodeAnswer(answerTo(mine, 'deactivated', {}), mine, rootPem);
    const heard = await decodeAnswer(groups ?? [], other, rootPem);
    assert.ok(!heard.ok && heard.why === 'other-command');
  });

  test('whose key pack is under another certificate carries that one, too', async () => {
    const older = await makeCertificate({
      role: 'clearinghouse',
      commonName: 'Older',
      publicKey,
      issuer,
      ...span,
    });
    const command = sign('install (agreement)');
    const jws = answerTo(command, 'key-pack', { keyPack: pack({ ...select, ...cals }, PACK, older) });
    const groups = await encodeAnswer(jws, command, rootPem);
    assert.deepEqual(await decodeAnswer(groups ?? [], command, rootPem), { ok: true, jws });
  });

  test('whose certificate was made by other means is said whole', async () => {
    const stranger = newKeyPair();
    const foreign = await makeCertificate({ role: 'root', commonName: 'Foreign', ...stranger, ...span });
    const command = sign('deactivate');
    const jws = answerTo(command, 'deactivated', {}).replace(
      /^[^.]+/,
      () => signStatement(signing.privateKey, foreign, ANSWER_TYP, {}).split('.')[0] ?? '',
    );
    const groups = await encodeAnswer(jws, command, rootPem);
    assert.deepEqual(await decodeAnswer(groups ?? [], command, rootPem), { ok: true, jws });
  });
});

/** Chance makes a whole message now and then, and a signature never. */
test('groups that fit together and were never said are refused, or carry no valid signature, and nothing throws', async () => {
  const command = sign('activate');
  const real = decodeGroups(
    'answer',
    (await encodeAnswer(answerTo(command, 'deactivated', {}), command, rootPem)) ?? [],
  );
  assert.ok(real.ok);
  const tag = real.bits.slice(0, 20);
  let whole = 0;
  for (let i = 0; i < 300; i += 1) {
    const w = bitWriter();
    w.bytes(randomBytes(1 + i));
    const request = decodeCommand(encodeGroups('request', w.bits()) ?? []);
    const groups = encodeGroups('answer', [...tag, ...w.bits()]) ?? [];
    const answer = await decodeAnswer(groups, command, rootPem);
    if (request.ok || answer.ok) whole += 1;
    const opened = request.ok ? openJws(request.jws) : undefined;
    assert.ok(!opened || !verifyJws(opened, COMMAND_TYP, server.publicKey));
    assert.ok(!answer.ok || !openStatement(answer.jws, ANSWER_TYP, [rootPem], NOW).ok);
  }
  assert.ok(whole < 30, `${whole} of 300 were whole messages`);
});
