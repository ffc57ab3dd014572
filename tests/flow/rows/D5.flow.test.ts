import assert from 'node:assert/strict';
import { cals, connects, device, logsOn, told } from './clients.ts';
import { row } from './row.ts';

const installed = [cals(2, '2003')];

row('D5', 'a log-on reported makes the temporary license validated', { installed }, async (s) => {
  const desk = device(1);
  await connects(s, '2003', desk);
  assert.equal(told(await logsOn(s, '2003', desk)), 'D5 validated');
  assert.equal(told(await logsOn(s, '2003', desk)), 'D5 validated'); // reported until it is confirmed
  assert.equal(told(await connects(s, '2003', desk)), 'D6 full');
  assert.equal(told(await logsOn(s, '2003', desk)), 'D5 NOT_TEMPORARY never');

  // A report that was never confirmed is repeated by the next request, and counts for it already.
  const other = device(2);
  await connects(s, '2003', other);
  const { licenseId } = other.store ?? assert.fail();
  assert.equal(told(await connects(s, '2003', other, { validatedLicenseId: licenseId })), 'D6 full');

  // Only the device that holds the license can have been logged on from.
  const third = device(3);
  await connects(s, '2003', third);
  const stolen = { ...device(4), store: third.store };
  assert.equal(told(await logsOn(s, '2003', stolen)), 'D5 UNKNOWN_LICENSE never');
  assert.equal(told(await connects(s, '2003', third)), 'D8 temporary');
  await s.pass(91);
  assert.equal(told(await logsOn(s, '2003', third)), 'D5 UNKNOWN_LICENSE never');
});
