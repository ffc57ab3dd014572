// A farm's first quarter: devices that come before the CALs, renewals, a laptop that stays away, stock that runs out, a newer terminal server.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { cals, connects, device, logsOn, told, until, type Device } from './clients.ts';
import { DAY, HOUR, startRowSystem, type RowSystem } from './row-system.ts';

let s: RowSystem;
let began: number;
before(async () => {
  began = performance.now();
  s = await startRowSystem('ninety-days');
});
after(async () => {
  await s?.[Symbol.asyncDispose]();
});

const desks = [1, 2, 3].map(device);
const laptop = device(4);
const late = device(5);
let firstDay: number;
let laptopEnds: number;
const tellAll = async (all: readonly Device[], version: '2003' | '2016' = '2003'): Promise<string[]> => {
  const rows: string[] = [];
  for (const desk of all) rows.push(told(await connects(s, version, desk)));
  return rows;
};
/** Time goes on to this day of the story. */
const day = (n: number): Promise<void> => s.passUntil(firstDay + n * DAY);

test('day 0: nothing is bought yet, and the devices work all the same', async () => {
  firstDay = s.now();
  assert.deepEqual(await tellAll([...desks, laptop]), Array<string>(4).fill('D4 temporary'));
  for (const desk of [...desks, laptop]) assert.equal(told(await logsOn(s, '2003', desk)), 'D5 validated');
  assert.deepEqual(await tellAll([...desks, laptop]), Array<string>(4).fill('D7 temporary'));
});

test('day 14: activated, four CALs are installed, and each device takes one', async () => {
  await day(14);
  await s.set({ fullDays: { min: 58, max: 60 } });
  await s.activate();
  await s.install(cals(4, '2003'));
  assert.deepEqual(await tellAll(desks), Array<string>(3).fill('D6 full'));
  const last = await connects(s, '2003', laptop);
  assert.equal(told(last), 'D6 full');
  laptopEnds = until(last);
  assert.equal(await s.counts(), '2003 Per Device: 4 installed, 4 issued, 0 available, 0 temporary');
});

test('day 20: a fifth device gets its temporary license, and no CAL', async () => {
  await day(20);
  assert.equal(told(await connects(s, '2003', late)), 'D4 temporary');
  await logsOn(s, '2003', late);
  assert.equal(told(await connects(s, '2003', late)), 'D7 temporary');
});

test('day 60: nothing is due yet', async () => {
  await day(60);
  assert.deepEqual(await tellAll(desks), Array<string>(3).fill('D13 full'));
  assert.equal(told(await connects(s, '2003', late)), 'D7 temporary');
});

test('day 68: within the lead each is renewed; the laptop stays away, and its CAL returns', async () => {
  await day(68);
  assert.deepEqual(await tellAll(desks), Array<string>(3).fill('D2 full'));
  await s.passUntil(laptopEnds + HOUR + 60_000);
  await s.countsBecome('2003 Per Device: 4 installed, 3 issued, 1 available, 1 temporary');
  assert.equal(told(await connects(s, '2003', late)), 'D6 full');
});

test('day 80: the laptop comes back to an empty pool, until more CALs are installed', async () => {
  await day(80);
  assert.equal(told(await connects(s, '2003', laptop)), 'D10 NO_LICENSE_AVAILABLE later 3600');
  await s.install(cals(2, '2003'));
  assert.equal(told(await connects(s, '2003', laptop)), 'D9 full');
  assert.equal(await s.counts(), '2003 Per Device: 6 installed, 5 issued, 1 available, 0 temporary');
});

test('day 90: a newer terminal server; who goes there is upgraded, and gives the old CAL back', async (t) => {
  await day(90);
  await s.install(cals(2, '2016'));
  assert.deepEqual(await tellAll([laptop, late], '2016'), ['D16 full', 'D16 full']);
  assert.deepEqual(await tellAll([laptop, late]), ['D13 full', 'D13 full']);
  assert.equal(
    await s.counts(),
    '2003 Per Device: 6 installed, 3 issued, 3 available, 0 temporary; 2016 Per Device: 2 installed, 2 issued, 0 available, 0 temporary',
  );
  await s.verify();
  t.diagnostic(`90 days in ${((performance.now() - began) / 1_000).toFixed(1)} s`);
});
