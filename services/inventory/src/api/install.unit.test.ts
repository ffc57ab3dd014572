import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { KeyObject } from 'node:crypto';
import { KEY_PACK_TYP, type KeyPackClaims } from '@calbus/contracts/clearinghouse';
import { inventoryAccepted, inventoryInstall } from '@calbus/contracts/inventory-command-messages';
import type { ProductVersion } from '@calbus/contracts/versions';
import { makeCertificate, newKeyPair } from '@calbus/licenses/certificates';
import { signStatement } from '@calbus/licenses/statements';
import { currentActivation } from '../state/state.ts';
import { createScenario, type Scenario } from '@calbus/test-support/inventory/scenario';
import { scenarioCommit } from '@calbus/test-support/inventory/scenario-commit';
import { install } from './install.ts';

const NOW = Date.parse('2026-11-24T00:00:00Z');
const span = { notBefore: NOW - 1_000, notAfter: NOW + 1_000 };
const root = newKeyPair();
const rootPem = await makeCertificate({ role: 'root', commonName: 'Test', ...root, ...span });
const vendor = newKeyPair();
const certificate = await makeCertificate({
  role: 'clearinghouse',
  commonName: 'Test',
  publicKey: vendor.publicKey,
  issuer: { certificate: rootPem, privateKey: root.privateKey },
  ...span,
});

const claims = (s: Scenario, version: ProductVersion): KeyPackClaims => {
  const { serverId, epoch } = currentActivation(s.state.head) ?? assert.fail();
  const agreement = { program: 'select', agreementNumber: '1234567' } as const;
  const purchase = { ...agreement, version, mode: 'per-device', quantity: 5 } as const;
  return { version: 1, keyPackId: 'B'.repeat(35), serverId, epoch, issuedAt: NOW, purchase };
};

type Signed = {
  readonly key?: KeyObject;
  readonly certificate?: string;
  readonly typ?: string;
  readonly now?: number;
};

const installs = (s: Scenario, statement: KeyPackClaims, signed: Signed = {}) =>
  install(
    scenarioCommit(s),
    { roots: [rootPem], now: () => signed.now ?? NOW },
    {
      id: 'm',
      type: inventoryInstall.type,
      version: 1,
      sentAt: NOW,
      correlationId: 'm',
      causationId: null,
      body: {
        commandId: 'c',
        keyPack: signStatement(
          signed.key ?? vendor.privateKey,
          signed.certificate ?? certificate,
          signed.typ ?? KEY_PACK_TYP,
          statement,
        ),
        by: 'test',
      },
    },
  );

describe('V2: a key pack', () => {
  test('of the version of the license server is installed', async () => {
    const s = createScenario();
    s.activate();
    s.set({ serverVersion: '2016' });
    const { contract } = await installs(s, claims(s, '2016'));
    assert.equal(contract, inventoryAccepted);
    assert.equal(s.records.at(-1)?.kind, 'pack-installed');
  });

  test('of a later version is not, until the license server is of that version', async () => {
    const s = createScenario();
    s.activate();
    s.set({ serverVersion: '2012' });
    const { body } = await installs(s, claims(s, '2016'));
    assert.deepEqual(body, {
      code: 'KEY_PACK_REJECTED',
      detail:
        'The key pack is of version 2016; this license server is of version 2012 (setting serverVersion).',
    });
    assert.equal(s.records.at(-1)?.kind, 'settings-changed');
    s.set({ serverVersion: '2016' });
    assert.equal((await installs(s, claims(s, '2016'))).contract, inventoryAccepted);
  });
});

describe('a key pack is verified here as well', () => {
  const other = newKeyPair();
  const rows = [
    ['of another license server', { serverId: 'T'.repeat(35) }, {}, /another license server/],
    ['of an earlier epoch', { epoch: 1 }, {}, /of epoch 1; in force is 2/],
    ['of a later epoch', { epoch: 9 }, {}, /of epoch 9; in force is 2/],
    ['that another has signed', {}, { key: other.privateKey }, /signature does not verify/],
    ['that is an answer', {}, { typ: 'calbus-answer+jws' }, /of another kind/],
    ['whose signer is out of date', {}, { now: NOW + 2_000 }, /not in date/],
  ] as const;
  for (const [what, change, signed, detail] of rows)
    test(`${what}: refused, and nothing is recorded`, async () => {
      const s = createScenario();
      s.activate();
      s.activate();
      const before = s.records.length;
      const { body } = await installs(s, { ...claims(s, '2003'), ...change }, signed);
      const said = JSON.stringify(body);
      assert.match(said, /"code":"KEY_PACK_REJECTED"/);
      assert.match(said, detail);
      assert.equal(s.records.length, before);
    });

  test('that was installed before: accepted, and counted once', async () => {
    const s = createScenario();
    s.activate();
    const pack = claims(s, '2003');
    await installs(s, pack);
    const before = s.records.length;
    const { contract, body } = await installs(s, pack);
    assert.equal(contract, inventoryAccepted);
    assert.match(JSON.stringify(body), /"repeated":true/);
    s.activate();
    assert.equal((await installs(s, pack)).contract, inventoryAccepted, 'after a reactivation, too');
    assert.equal(s.records.length, before + 1);
  });
});
