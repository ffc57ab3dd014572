import assert from 'node:assert/strict';
import { atTerminalServer, decidedBy, said } from './at-terminal-server.ts';
import { cals, device, settles } from './clients.ts';
import { row } from './row.ts';

row(
  'G1',
  'in its grace period a terminal server lets in whom the license server refuses, or whom it cannot ask about',
  {},
  async (s) => {
    await using ts = await atTerminalServer(s, { version: '2003', mode: 'per-device' });
    await using old = await atTerminalServer(s, { version: '2000', mode: 'per-device' });
    const desk = device(1);
    assert.equal(said(await ts.admits(desk)), 'A1 let in');
    assert.equal(said(await old.admits(device(3))), 'A1 let in');
    ts.cut();
    assert.equal(said(await ts.admits(device(2))), 'G1 let in, 120 days left');
    await ts.restore();

    // Its temporary license has ended, and there are no CALs.
    await s.pass(90.5);
    const refused = await ts.admits(desk);
    assert.deepEqual([said(refused), decidedBy(refused)], ['G1 let in, 30 days left', 'D10']);
    const of2000 = await old.admits(device(3));
    assert.deepEqual(
      [said(of2000), decidedBy(of2000)],
      ['D12 NOTHING_INSTALLED_FOR_PRODUCT', 'D10'],
      '90 days at most',
    );
    await s.pass(20);
    await ts.restart();
    assert.equal(said(await ts.admits(desk)), 'G1 let in, 10 days left');

    // The first full license ends it, for whomever it is.
    await s.install(cals(1, '2003'));
    const full = await ts.admits(desk);
    assert.deepEqual([said(full), decidedBy(full)], ['A1 let in', 'D9']);
    ts.cut();
    assert.equal(said(await ts.admits(device(2))), 'D12 LICENSE_SERVER_UNREACHABLE');
    await ts.restart();
    assert.equal(said(await ts.admits(device(2))), 'D12 LICENSE_SERVER_UNREACHABLE');
    await ts.restore();

    // One that goes through another terminal server does not.
    await s.install(cals(1, '2008'));
    await using other = await atTerminalServer(s, { version: '2008', mode: 'per-device' });
    assert.equal(said(await other.admits(device(4))), 'A1 let in');
    await settles(s, '2008', device(5));
    other.cut();
    assert.equal(said(await other.admits(device(6))), 'G1 let in, 120 days left');
  },
);
