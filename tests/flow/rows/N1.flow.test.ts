import assert from 'node:assert/strict';
import { connects, device, licenseIdOf, settles, told } from './clients.ts';
import { hw } from '../system.ts';
import { row } from './row.ts';

row('N1', 'a presented license that does not check counts as nothing presented', {}, async (s) => {
  const desk = device(1);
  const own = await connects(s, '2003', desk);
  const { store } = desk;
  assert.ok(store);

  // Another device's license gives a new device nothing but what is due to it.
  const thief = device(2);
  thief.store = store;
  const other = await connects(s, '2003', thief);
  assert.equal(told(other), 'D4 temporary');
  assert.notEqual(licenseIdOf(other), licenseIdOf(own));

  // Nor does one whose signature was spoilt take anything from who presents it.
  const forger = device(1);
  forger.store = { ...store, license: `${store.license.slice(0, -6)}AAAAAA` };
  const again = await connects(s, '2003', forger);
  assert.equal(told(again), 'D8 temporary');
  assert.equal(licenseIdOf(again), licenseIdOf(own));

  const said = await s.events();
  for (const n of [1, 2])
    assert.ok(said.includes(`INVALID_LICENSE_PRESENTED device ${hw(n)}`), said.join('\n'));
  // One that is genuine is nothing to speak of.
  assert.equal(told(await settles(s, '2003', device(3))), 'D7 temporary');
  assert.ok(!(await s.events()).some((e) => e.includes(hw(3))));
});
