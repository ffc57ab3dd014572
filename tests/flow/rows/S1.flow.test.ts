import assert from 'node:assert/strict';
import { connects, device, told, userLogsOn } from './clients.ts';
import { row } from './row.ts';

row('S1', 'the security group is on and the terminal server is not in it', {}, async (s) => {
  await s.set({ securityGroup: ['ts-2016'] });
  assert.equal(told(await connects(s, '2016', device(1))), 'D4 temporary');
  assert.equal(told(await connects(s, '2003', device(2))), 'S1 TERMINAL_SERVER_NOT_IN_GROUP after-change');
  assert.equal(told(await userLogsOn(s, '2003', 'ann')), 'S1 TERMINAL_SERVER_NOT_IN_GROUP after-change');
  assert.ok((await s.events()).includes('TERMINAL_SERVER_NOT_IN_GROUP terminal server ts-2003'));

  // On and empty means nobody.
  await s.set({ securityGroup: [] });
  assert.equal(told(await connects(s, '2016', device(1))), 'S1 TERMINAL_SERVER_NOT_IN_GROUP after-change');
  await s.set({ securityGroup: null });
  assert.equal(told(await connects(s, '2003', device(2))), 'D4 temporary');
});
