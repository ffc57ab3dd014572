import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHmac } from 'node:crypto';
import type { PurchaseAgreement } from '@calbus/contracts/purchases';
import { RETAIL_CODE } from '@calbus/contracts/agreement-numbers';
import { decideEnter } from './agreements.ts';
import { formatCode, parseCode } from './codes.ts';
import {
  checkSender,
  decideActivate,
  decideChangePack,
  decideCode,
  decideInstall,
  decideReactivate,
  decideTries,
  MAX_GUESSES,
  MAX_TRIES,
  provesCopy,
  type ServerCommand,
} from './decisions.ts';
import { identifierFrom } from './identifiers.ts';
import type { Cover, Sender, Server } from './registry.ts';

const server: Server = {
  productId: 'AAAAA-BBBBB-CCCCC-DDDDD',
  user: 'ls1',
  key: 'k1',
  serverId: 'S'.repeat(35),
  epoch: 2,
  chain: ['pem'],
  contact: { firstName: 'Ada', lastName: 'Example', company: 'Example Ltd', country: 'GB' },
  activatedAt: 0,
  epochSince: 0,
  standing: 'active',
};
const own: Sender = { user: 'ls1', key: 'k1' };
const install: ServerCommand = {
  id: 'c1',
  version: 1,
  issuedAt: 0,
  type: 'install',
  productId: server.productId,
  serverId: server.serverId,
  epoch: 2,
  sequence: 2,
  witness: null,
  body: {
    program: 'select',
    agreementNumber: '1234567',
    version: '2003',
    mode: 'per-device',
    quantity: 3,
  },
};
const covered = (left: number): Cover => ({ kind: 'covered', left });

const said = (d: { kind: string; reason?: string } | undefined): string =>
  d === undefined ? 'taken' : (d.reason ?? d.kind);

test('the sender of a command, row by row', () => {
  const rows: [string, ServerCommand, Server | undefined, Sender, string][] = [
    ['the right sender', install, server, own, 'taken'],
    ['unknown id', install, undefined, own, 'UNKNOWN_SENDER'],
    ["another's account", install, server, { ...own, user: 'ls2' }, 'WRONG_SENDER'],
    ['an earlier clone', { ...install, epoch: 1 }, server, { ...own, key: 'k0' }, 'WRONG_EPOCH'],
    ['an epoch never issued', { ...install, epoch: 3 }, server, own, 'WRONG_EPOCH'],
    ['another product id', { ...install, productId: 'X' }, server, own, 'UNKNOWN_SENDER'],
    ["another's key", install, server, { ...own, key: 'k2' }, 'BAD_SIGNATURE'],
    ['retired by the vendor', install, { ...server, standing: 'retired' }, own, 'RETIRED'],
    ['deactivated', install, { ...server, standing: 'deactivated' }, own, 'NOT_ACTIVATED'],
  ];
  for (const [what, command, known, sender, expected] of rows)
    assert.equal(said(checkSender(command, known, sender)), expected, what);
});

test('an earlier epoch, signed after the start of the epoch in force, proves a copy', () => {
  const known = { ...server, epochSince: 1_000 };
  const rows: [string, number, number, boolean][] = [
    ['an old request', 1, 999, false],
    ['issued at that moment', 1, 1_000, false],
    ['an active copy', 1, 1_001, true],
    ['the epoch in force', 2, 1_001, false],
    ['an epoch never issued', 3, 1_001, false],
  ];
  for (const [what, epoch, issuedAt, expected] of rows)
    assert.equal(provesCopy({ ...install, epoch, issuedAt }, known), expected, what);
});

test('install: at most the CALs left on the agreement', () => {
  assert.equal(said(decideInstall(3, covered(3))), 'issue');
  assert.equal(said(decideInstall(3, covered(2))), 'NOT_ENOUGH_LEFT');
  assert.equal(said(decideInstall(3, { kind: 'no-agreement' })), 'UNKNOWN_AGREEMENT');
  assert.equal(said(decideInstall(3, { kind: 'not-covered' })), 'PRODUCT_NOT_COVERED');
});

test('activate: a product id once; only the same account and key learn the id', () => {
  assert.deepEqual(decideActivate(undefined, own), { kind: 'activate', serverId: undefined, epoch: 1 });
  for (const [sender, told] of [
    [own, true],
    [{ ...own, user: 'ls2' }, false],
    [{ ...own, key: 'k2' }, false],
  ] as const) {
    const d = decideActivate(server, sender);
    assert.ok(d.kind === 'rejected' && d.reason === 'ALREADY_ACTIVATED');
    assert.equal(d.says.includes(server.serverId), told);
  }
  const { serverId } = server;
  assert.deepEqual(decideActivate({ ...server, standing: 'deactivated' }, own), {
    kind: 'activate',
    serverId,
    epoch: 3,
  });
  assert.equal(said(decideActivate({ ...server, standing: 'retired' }, own)), 'RETIRED');
});

test('reactivate: any key, but the same account and one of its agreements', () => {
  const fresh = { ...own, key: 'k9' };
  const has = { onPaper: 1, all: 2 };
  const { serverId } = server;
  assert.deepEqual(decideReactivate(server, fresh, has, server), { kind: 'activate', serverId, epoch: 3 });
  assert.equal(said(decideReactivate(server, fresh, { onPaper: 0, all: 2 }, undefined)), 'NOT_YOURS');
  assert.equal(said(decideReactivate(server, fresh, { onPaper: 0, all: 0 }, undefined)), 'activate');
  assert.equal(said(decideReactivate(undefined, fresh, has, undefined)), 'UNKNOWN_SENDER');
  assert.equal(said(decideReactivate(server, { ...fresh, user: 'ls2' }, has, undefined)), 'WRONG_SENDER');
  assert.equal(said(decideReactivate({ ...server, standing: 'retired' }, fresh, has, undefined)), 'RETIRED');
  // Another license server already uses the product id.
  const own2 = { ...server, serverId: 'T'.repeat(35) };
  assert.equal(said(decideReactivate(server, fresh, has, own2)), 'ALREADY_ACTIVATED');
});

test('a code is used once; a key pack gives no more than its CALs', () => {
  const contents = { version: '2003', mode: 'per-device', quantity: 5 } as const;
  assert.equal(said(decideCode(undefined, String)), 'UNKNOWN_CODE');
  assert.equal(said(decideCode({ number: 1, contents, usedAt: null }, String)), 'issue');
  assert.equal(said(decideCode({ number: 1, contents, usedAt: 1 }, String)), 'CODE_ALREADY_USED');
  const bought = { program: 'select', agreementNumber: '1234567', ...contents } as const;
  const pack = {
    keyPackId: 'P',
    serverId: server.serverId,
    epoch: 2,
    issuedAt: 0,
    commandId: 'c',
    purchase: bought,
  };
  assert.equal(said(decideChangePack(pack, server.serverId, 5)), 'change');
  assert.equal(said(decideChangePack(pack, server.serverId, 6)), 'PACK_TOO_SMALL');
  assert.equal(said(decideChangePack(pack, 'T'.repeat(35), 1)), 'UNKNOWN_KEY_PACK');
  assert.equal(said(decideChangePack(undefined, server.serverId, 1)), 'UNKNOWN_KEY_PACK');
});

test('a license code contains its number, and no other text is a license code', () => {
  const check = (text: string): Uint8Array => createHmac('sha256', 'secret').update(text).digest();
  const codes = [1, 2, 31, 32, 1_000_000].map((n) => formatCode(n, check));
  assert.deepEqual(
    codes.map((c) => parseCode(c, check)),
    [1, 2, 31, 32, 1_000_000],
  );
  for (const code of codes) {
    assert.match(code, RETAIL_CODE);
    for (let i = 0; i < 25; i += 1) {
      const other = `${code.slice(0, i)}${code[i] === 'A' ? 'B' : 'A'}${code.slice(i + 1)}`;
      assert.equal(parseCode(other, check), undefined, `a slip at ${i}`);
    }
  }
  assert.equal(
    parseCode(
      formatCode(1, (t) => check(`${t} other`)),
      check,
    ),
    undefined,
    'from another Clearinghouse',
  );
  assert.equal(parseCode('A'.repeat(25), check), undefined);
});

test('commands are limited, and wrong guesses are limited more', () => {
  const deactivate: ServerCommand = { ...install, type: 'deactivate', body: {} };
  const rows: [number, number, ServerCommand | undefined, string][] = [
    [MAX_TRIES - 1, MAX_GUESSES - 1, install, 'taken'],
    [MAX_TRIES, 0, install, 'TOO_MANY_TRIES'],
    [MAX_TRIES, 0, undefined, 'TOO_MANY_TRIES'],
    [0, MAX_GUESSES, install, 'TOO_MANY_TRIES'],
    [0, MAX_GUESSES, deactivate, 'taken'],
    [0, MAX_GUESSES, undefined, 'taken'],
  ];
  for (const [commands, guesses, command, expected] of rows)
    assert.equal(said(decideTries({ commands, guesses }, command)), expected, `${commands} ${guesses}`);
});

test('an id has 35 unbiased characters, or is undefined if the bytes do not suffice', () => {
  const id = identifierFrom(Uint8Array.from({ length: 64 }, (_, i) => i * 4));
  assert.match(id ?? '', /^[A-Z0-9]{35}$/);
  assert.equal(identifierFrom(new Uint8Array(34)), undefined);
  assert.equal(identifierFrom(new Uint8Array(64).fill(255)), undefined);
  assert.equal(identifierFrom(Uint8Array.from([255, ...Array(35).fill(0)])), 'A'.repeat(35));
});

test('an agreement may grow, and not shrink below the issued CALs', () => {
  const cover = { version: '2003', mode: 'per-device', quantity: 10 } as const;
  const paper: PurchaseAgreement = {
    program: 'select',
    agreementNumber: '1234567',
    company: 'Example Ltd',
    covers: [cover],
  };
  const known: Parameters<typeof decideEnter>[1] = {
    company: 'Example Ltd',
    covers: [{ ...cover, issued: 4, converted: 0 }],
  };
  const more = { version: '2008', mode: 'per-user', quantity: 1 } as const;
  const rows: [PurchaseAgreement, typeof known | undefined, string][] = [
    [paper, undefined, 'added'],
    [paper, known, 'unchanged'],
    [{ ...paper, company: 'Other Ltd' }, known, 'changed'],
    [{ ...paper, covers: [cover, more] }, known, 'changed'],
    [{ ...paper, covers: [{ ...cover, quantity: 4 }] }, known, 'changed'],
    [{ ...paper, covers: [{ ...cover, quantity: 3 }] }, known, 'refused'],
    [{ ...paper, covers: [more] }, known, 'refused'],
    [{ ...paper, covers: [cover, cover] }, undefined, 'refused'],
  ];
  // Four CALs were converted, then the same agreement is entered again.
  const changed = {
    company: 'Example Ltd',
    covers: [
      { ...cover, quantity: 6, issued: 5, converted: -4 },
      { ...cover, mode: 'per-user' as const, quantity: 4, issued: 4, converted: 4 },
    ],
  };
  rows.push(
    [paper, changed, 'unchanged'],
    [{ ...paper, covers: [{ ...cover, quantity: 8 }] }, changed, 'refused'],
  );
  for (const [agreement, before, expected] of rows)
    assert.equal(decideEnter(agreement, before).kind, expected);
});
