import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { liveLicensesOf } from './live-licenses.ts';
import { perDevice, perDeviceRow } from './per-device-table.ts';
import { perUser, perUserRow, type PerUserRow } from './per-user-table.ts';
import type { License } from '../state/tables/license.ts';
import type { Pack } from '../state/state.ts';
import { perUserMode } from '@calbus/contracts/settings';
import { productVersions } from '@calbus/contracts/versions';

const NOW = 1_000_000;
const pack = { keyPackId: 'P' } as Pack;
const anyLicense = fc.record({
  licenseId: fc.string(),
  kind: fc.constantFrom('temporary', 'full'),
  version: fc.constantFrom(...productVersions),
  notAfter: fc.constantFrom(NOW - 1, NOW + 1, NOW + 2),
  validated: fc.boolean(),
  ended: fc.constantFrom('no', 'superseded', 'returned'),
}) as unknown as fc.Arbitrary<License>;
const facts = fc
  .record({
    licenses: fc.array(anyLicense, { maxLength: 4 }),
    version: fc.constantFrom(...productVersions),
    withinLead: fc.boolean(),
    activated: fc.boolean(),
    free: fc.constantFrom(pack, undefined),
  })
  .map(({ licenses, version, ...rest }) => ({
    ...rest,
    licenses: liveLicensesOf({ licenses }, version, NOW),
  }));

test('Per Device: every combination matches a row that can be carried out', () => {
  fc.assert(
    fc.property(facts, (f) => {
      const { act } = perDeviceRow(f);
      if (act === 'again' || act === 'renew') assert.ok(f.licenses.serving);
      if (act === 'full' || act === 'upgrade') assert.ok(f.free);
    }),
    { numRuns: 5_000 },
  );
});

test('Per Device: every row is the first match of some combination', () => {
  const seen = new Set(fc.sample(facts, 20_000).map((f) => perDeviceRow(f).id));
  assert.deepEqual(
    perDevice.map((r) => r.id).filter((id) => !seen.has(id)),
    [],
  );
});

test('Per User: no gap and no dead row', () => {
  const seen = new Set<PerUserRow>();
  const either = [true, false];
  for (const authenticated of either)
    for (const activated of either)
      for (const installed of either)
        for (const mode of perUserMode.options)
          for (const known of either)
            for (const room of either) {
              const row = perUserRow({ authenticated, activated, installed, perUser: mode, known, room });
              if (row.does.act === 'again' || row.does.act === 'extend') assert.ok(known);
              if (row.does.act === 'record') assert.ok(installed);
              seen.add(row);
            }
  assert.deepEqual(
    perUser.filter((row) => !seen.has(row)),
    [],
  );
});
