import assert from 'node:assert/strict';
import { cals, device, settles, told, userLogsOn } from './clients.ts';
import { row } from './row.ts';

const perDevice = [cals(1, '2019'), cals(1, '2016'), cals(1, '2003')];
const perUser = [cals(1, '2016', 'per-user'), cals(1, '2003', 'per-user')];
const installed = [...perDevice, ...perUser];

row(
  'V3',
  "the terminal server's own version first, then the lowest later one with a free CAL",
  { installed },
  async (s) => {
    await s.set({ perUser: 'tracked' });
    const issued = async (mode: string): Promise<string[]> =>
      (await s.status()).pools.filter((p) => p.mode === mode && p.issued > 0).map((p) => p.version);
    const orders = [['2003'], ['2003', '2016'], ['2003', '2016', '2019']];
    for (const [n, order] of orders.entries()) {
      assert.equal(told(await settles(s, '2003', device(n))), 'D6 full');
      assert.deepEqual(await issued('per-device'), order);
    }
    assert.equal(told(await settles(s, '2003', device(9))), 'D7 temporary');

    for (const [name, order] of [
      ['ann', ['2003']],
      ['bob', ['2003', '2016']],
    ] as const) {
      assert.equal(told(await userLogsOn(s, '2003', name)), 'U2 recorded');
      assert.deepEqual(await issued('per-user'), order);
    }
  },
);
