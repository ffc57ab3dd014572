import assert from 'node:assert/strict';
import { eventually } from '@calbus/test-support/eventually';
import { cals, connects, device, logsOn, told } from './clients.ts';
import { row } from './row.ts';

const installed = [cals(5, '2003')];
const MANY = 1_000_000;

row(
  'S4',
  'the ledger is nearly full: no new temporary license, all else goes on',
  { installed },
  async (s) => {
    const known = device(1);
    await connects(s, '2003', known);
    // Enough of a ledger for a tenth of it to hold something.
    for (let n = 100; n < 180; n += 1) await connects(s, '2003', device(n));
    const used = (where: (n: number) => boolean): Promise<number> =>
      eventually('inventory sees how full the ledger is', async () => (await s.status()).storageUsed ?? 0, {
        accept: where,
        withinMs: 20_000,
      });
    await s.limitLedger(MANY);
    const bytes = (await used((n) => n > 0)) * MANY;
    await s.limitLedger(Math.round(bytes / 0.92));
    await used((n) => n >= 0.9);

    assert.equal(told(await connects(s, '2003', device(2))), 'S4 STORAGE_NEARLY_FULL after-change');
    assert.equal(told(await logsOn(s, '2003', known)), 'D5 validated');
    assert.equal(told(await connects(s, '2003', known)), 'D6 full');

    await s.limitLedger(MANY);
    await used((n) => n < 0.9);
    assert.equal(told(await connects(s, '2003', device(2))), 'D4 temporary');
  },
);
