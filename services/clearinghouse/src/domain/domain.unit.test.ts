import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PurchaseAgreement } from '@calbus/contracts/clearinghouse';
import { decideEnter } from './agreements.ts';
import { decideActivate, decideInstall, decideTries, MAX_TRIES, type Install } from './decide.ts';
import { identifierOf } from './identifiers.ts';
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
};
const own: Sender = { user: 'ls1', key: 'k1' };
const install: Install = {
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

test('install: row by row', () => {
  const rows: [string, Install, Server | undefined, Sender, Cover, string][] = [
    ['enough is left', install, server, own, covered(3), 'issue'],
    ['one too few', install, server, own, covered(2), 'NOT_ENOUGH_LEFT'],
    ['nothing left', install, server, own, covered(0), 'NOT_ENOUGH_LEFT'],
    ['unknown product id', install, undefined, own, covered(3), 'UNKNOWN_SENDER'],
    ["another's account", install, server, { ...own, user: 'ls2' }, covered(3), 'WRONG_SENDER'],
    ["another's key", install, server, { ...own, key: 'k2' }, covered(3), 'BAD_SIGNATURE'],
    ['another id', { ...install, serverId: 'T'.repeat(35) }, server, own, covered(3), 'UNKNOWN_SENDER'],
    ['a clone of before', { ...install, epoch: 1 }, server, own, covered(3), 'WRONG_EPOCH'],
    ['an epoch never issued', { ...install, epoch: 3 }, server, own, covered(3), 'WRONG_EPOCH'],
    ['no such agreement', install, server, own, { kind: 'no-agreement' }, 'UNKNOWN_AGREEMENT'],
    ['another product', install, server, own, { kind: 'not-covered' }, 'PRODUCT_NOT_COVERED'],
  ];
  for (const [what, command, known, sender, cover, expected] of rows) {
    const d = decideInstall(command, known, sender, cover);
    assert.equal(d.kind === 'rejected' ? d.reason : d.kind, expected, what);
  }
});

test('activate: a product id once; only its own account and key hear under which id', () => {
  assert.deepEqual(decideActivate(undefined, own), { kind: 'activate', epoch: 1 });
  for (const [sender, told] of [
    [own, true],
    [{ ...own, user: 'ls2' }, false],
    [{ ...own, key: 'k2' }, false],
  ] as const) {
    const d = decideActivate(server, sender);
    assert.ok(d.kind === 'rejected' && d.reason === 'ALREADY_ACTIVATED');
    assert.equal(d.says.includes(server.serverId), told);
  }
});

test('tries are limited', () => {
  assert.equal(decideTries(MAX_TRIES - 1), undefined);
  assert.equal(decideTries(MAX_TRIES)?.reason, 'TOO_MANY_TRIES');
});

test('an id is 35 fair letters, or none where the bytes do not suffice', () => {
  const id = identifierOf(Uint8Array.from({ length: 64 }, (_, i) => i * 4));
  assert.match(id ?? '', /^[A-Z0-9]{35}$/);
  assert.equal(identifierOf(new Uint8Array(34)), undefined);
  assert.equal(identifierOf(new Uint8Array(64).fill(255)), undefined);
  assert.equal(identifierOf(Uint8Array.from([255, ...Array(35).fill(0)])), 'A'.repeat(35));
});

test('an agreement entered again may grow, and not shrink below what was issued', () => {
  const cover = { version: '2003', mode: 'per-device', quantity: 10 } as const;
  const paper: PurchaseAgreement = {
    program: 'select',
    agreementNumber: '1234567',
    company: 'Example Ltd',
    covers: [cover],
  };
  const known = { company: 'Example Ltd', covers: [{ ...cover, issued: 4 }] };
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
  for (const [agreement, before, expected] of rows)
    assert.equal(decideEnter(agreement, before).kind, expected);
});
