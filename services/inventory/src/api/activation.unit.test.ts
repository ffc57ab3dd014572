import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Body } from '@calbus/contracts/envelope';
import { inventoryAccepted, inventoryActivation } from '@calbus/contracts/inventory-command-messages';
import { makeCertificate, newKeyPair } from '@calbus/licenses/certificates';
import { createScenario, type Scenario } from '@calbus/test-support/inventory/scenario';
import { activation } from './activation.ts';
import { scenarioCommit } from '@calbus/test-support/inventory/scenario-commit';

const NOW = Date.parse('2026-11-24T00:00:00Z');
const SERVER = 'S'.repeat(35);
const span = { notBefore: NOW - 1_000, notAfter: NOW + 1_000 };

const authority = async () => {
  const root = newKeyPair();
  const pem = await makeCertificate({ role: 'root', commonName: 'Test', ...root, ...span });
  const issuer = { certificate: pem, privateKey: root.privateKey };
  const { publicKey } = newKeyPair();
  const certify = (commonName: string, role: 'license-server' | 'clearinghouse' = 'license-server') =>
    makeCertificate({ role, commonName, publicKey, issuer, ...span });
  return { pem, certify };
};
const vendor = await authority();
const stranger = await authority();

const says = (s: Scenario, body: Omit<Body<typeof inventoryActivation>, 'serverId' | 'by'>, now = NOW) =>
  activation(
    scenarioCommit(s),
    { roots: [vendor.pem], now: () => now },
    {
      id: 'm',
      type: inventoryActivation.type,
      version: 1,
      sentAt: NOW,
      correlationId: 'm',
      causationId: null,
      body: { ...body, serverId: SERVER, by: 'test' },
    },
  );

const chain = [await vendor.certify(SERVER)];

const rows = [
  ['for another license server', [await vendor.certify('T'.repeat(35))], 2, NOW, /another license server/],
  ['of another root', [await stranger.certify(SERVER)], 2, NOW, /is not signed by the one above it/],
  [
    'by what is no certificate of a license server',
    [await vendor.certify(SERVER, 'clearinghouse')],
    2,
    NOW,
    /is not of the role/,
  ],
  ['by a certificate that is over', chain, 2, NOW + 2_000, /not in date/],
  ['of an earlier epoch', chain, 1, NOW, /Epoch 1 is not later than the one in force, 2/],
  ['of the epoch in force', chain, 2, NOW, /Epoch 2 is not later than the one in force, 2/],
] as const;

describe('an activation is verified here as well', () => {
  for (const [what, shown, epoch, now, detail] of rows)
    test(`${what}: refused, and nothing is recorded`, async () => {
      const s = createScenario();
      if (what.includes('epoch')) {
        s.activate();
        s.activate();
      }
      const before = s.records.length;
      const { body } = await says(s, { commandId: 'c', chain: [...shown], epoch }, now);
      assert.match(JSON.stringify(body), /"code":"CERTIFICATE_REJECTED"/);
      assert.match(JSON.stringify(body), detail);
      assert.equal(s.records.length, before);
    });

  test('said again: accepted, and recorded once, also after a later one', async () => {
    const s = createScenario();
    const first = { commandId: 'c1', chain, epoch: 1 };
    assert.equal((await says(s, first)).contract, inventoryAccepted);
    assert.equal((await says(s, { commandId: 'c2', chain, epoch: 2 })).contract, inventoryAccepted);
    const before = s.records.length;
    const { contract, body } = await says(s, first);
    assert.equal(contract, inventoryAccepted);
    assert.match(JSON.stringify(body), /"repeated":true/);
    assert.equal(s.records.length, before);
    assert.equal(s.state.head.activations.at(-1)?.epoch, 2);
  });
});
