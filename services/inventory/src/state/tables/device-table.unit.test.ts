// Packing loses nothing, whatever the names; and a license is found by its id among many.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { productVersions } from '@calbus/contracts/versions';
import { draftExpiryIndex, ExpiryTable } from './expiry-index.ts';
import { DeviceTable, OwnerTable } from './device-table.ts';
import { factsOf, type Device, type License } from './license.ts';
import { OutcomeTable } from './outcome-table.ts';
import { HOUR_MS } from '@calbus/contracts/durations';
import { hw } from '@calbus/test-support/inventory/scenario';
import { valuesOf } from './table.ts';
import { StringPool } from './string-pool.ts';

const time = fc.integer({ min: 0, max: 8_640_000_000_000_000 });
// Whatever a name may hold, and some that look like a piece of a row.
const name = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
  fc.constantFrom('id1', '"', '\\', ',["id1",', 'EXAMPLE\\ann', 'Straße', '🖥️'),
);
const licensed = fc.record({
  licenseServerId: fc.constantFrom('unactivated', 'A'.repeat(35)),
  epoch: fc.nat(3),
  kind: fc.constantFrom('temporary', 'full'),
  mode: fc.constant('per-device'),
  version: fc.constantFrom(...productVersions),
  keyPackId: fc.option(fc.constantFrom('P'.repeat(35), 'Q'.repeat(35))),
  deviceName: name,
  userName: fc.option(name),
  issuedAt: time,
  notAfter: time,
  position: fc
    .tuple(fc.constantFrom('g', 'h'), fc.nat())
    .map(([generation, sequence]) => ({ generation, sequence })),
  validated: fc.boolean(),
  ended: fc.constantFrom('no', 'superseded', 'returned'),
});

const holders = fc.array(fc.array(licensed, { maxLength: 4 }), { maxLength: 5 }).map((all) => {
  let ids = 0;
  return all.map((licenses, n): Device => {
    const owner = { hardwareId: hw(n), deviceId: `d${n}` };
    return {
      ...owner,
      licenses: licenses.map((l): License => ({ ...l, ...owner, licenseId: `id${(ids += 1)}` })),
    };
  });
});

const filled = (devices: readonly Device[]) => {
  const table = new DeviceTable(new StringPool());
  const owners = new OwnerTable(table);
  for (const device of devices) {
    table.set(device.hardwareId, device);
    for (const l of device.licenses) owners.set(l.licenseId, device.hardwareId);
  }
  return { table, owners };
};

describe('devices', () => {
  test('come out of the table as they went in, and each license is found', () => {
    fc.assert(
      fc.property(holders, (devices) => {
        const { table, owners } = filled(devices);
        assert.deepEqual(valuesOf(table), devices);
        assert.deepEqual([...table.values()], devices);
        for (const d of devices)
          for (const l of d.licenses) assert.equal(owners.get(l.licenseId), d.hardwareId);
        assert.equal(owners.get('id0'), undefined);
      }),
    );
  });

  test('are found by a name, in whatever case', () => {
    const asked = fc.constantFrom('id1', 'example\\ANN', '"', 'STRASSE', 'straße', '🖥️');
    fc.assert(
      fc.property(holders, asked, (devices, text) => {
        const { table } = filled(devices);
        const named = new Set([...table.withTexts([text])].map((d) => d.hardwareId));
        for (const { hardwareId, licenses } of devices) {
          const has = licenses.some((l) => l.deviceName.toLowerCase().startsWith(text.toLowerCase()));
          if (has) assert.ok(named.has(hardwareId), hardwareId);
        }
      }),
    );
  });

  test('ten thousand licenses are found, and none that is not there', () => {
    const { table, owners } = filled([]);
    const device = (n: number): Device => ({ hardwareId: hw(n), deviceId: `d${n}`, licenses: [] });
    const license = (id: string): License => ({ licenseId: id }) as License;
    for (let n = 0; n < 10_000; n += 1) {
      const licenseId = `license-${n}`;
      table.set(hw(n), {
        ...device(n),
        licenses: [{ ...license(licenseId), position: { generation: 'g', sequence: 1 } }],
      });
      owners.set(licenseId, hw(n));
    }
    for (let n = 0; n < 10_000; n += 1) {
      assert.equal(owners.get(`license-${n}`), hw(n));
      assert.equal(owners.get(`other-${n}`), undefined);
    }
  });

  test('a still table shows what was, while the table goes on', () => {
    const one: Device = { hardwareId: hw(1), deviceId: 'a', licenses: [] };
    const { table } = filled([one]);
    const still = table.freeze();
    table.set(hw(1), { ...one, deviceId: 'b' });
    table.set(hw(2), { ...one, hardwareId: hw(2) });
    assert.deepEqual([...still.values()], [one]);
    assert.equal(still.get(hw(2)), undefined);
  });
});

test('outcomes come out as they went in', () => {
  const outcomes = new OutcomeTable(new StringPool());
  fc.assert(
    fc.property(holders, (devices) => {
      for (const license of devices.flatMap((d) => d.licenses)) {
        const position = { generation: 'g', sequence: 7 };
        const answer = {
          requestId: 'r',
          row: 'D4',
          decidedAt: 5,
          position,
          outcome: { kind: 'license', license: factsOf(license) },
        } as const;
        outcomes.set('r', answer);
        assert.deepEqual(outcomes.get('r'), answer);
      }
    }),
  );
  const refused = {
    requestId: 'q',
    row: 'D10',
    decidedAt: 5,
    position: { generation: 'g', sequence: 7 },
    outcome: { kind: 'refused', code: 'NO_LICENSE_AVAILABLE' },
  } as const;
  outcomes.set('q', refused);
  assert.deepEqual(outcomes.get('q'), refused);
});

test('what is due is what ends by then, earliest hour first; a draft leaves its base alone', () => {
  const ends = new ExpiryTable();
  const ending = (id: string, notAfter: number) => ({ id, notAfter });
  ends.add(ending('later', 5 * HOUR_MS));
  ends.add(ending('b', 2 * HOUR_MS + 1));
  ends.add(ending('a', HOUR_MS));
  assert.deepEqual([...ends.due(2 * HOUR_MS)], ['a']);
  assert.deepEqual([...ends.due(2 * HOUR_MS + 1)], ['a', 'b']);
  const draft = draftExpiryIndex(ends);
  draft.remove(ending('a', HOUR_MS));
  draft.add(ending('a', 9 * HOUR_MS));
  assert.deepEqual([...draft.due(4 * HOUR_MS)], ['b']);
  assert.deepEqual([...draft.due(9 * HOUR_MS)], ['b', 'later', 'a']);
  assert.deepEqual([...ends.due(4 * HOUR_MS)], ['a', 'b']);
});
