import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changedHashes } from './live-counts.ts';
import { DAY_MS } from '@calbus/contracts/durations';
import { createScenario } from '@calbus/test-support/inventory/scenario';

test('a pool that is empty again is written with zeros, in the place of its last counts', () => {
  const s = createScenario();
  s.request({ version: '2008' }); // a temporary license of a version that has no key pack
  const of2008 = (): Readonly<Record<string, string>> | undefined => {
    const touched = { devices: new Set<string>(), terminalServers: new Set<string>() };
    return changedHashes(s.state, touched).find((h) => h.key === 'cal:pool:2008:per-device')?.fields;
  };
  assert.equal(of2008()?.['temporary'], '1');
  s.now += 91 * DAY_MS;
  s.request({ device: 2 });
  assert.deepEqual(of2008(), {
    installed: '0',
    issued: '0',
    available: '0',
    temporary: '0',
    revoked: '0',
    reserved: '0',
    withheld: '0',
    deficit: '0',
  });
});
