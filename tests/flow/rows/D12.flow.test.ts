import assert from 'node:assert/strict';
import { atTerminalServer, decidedBy, said } from './at-terminal-server.ts';
import { cals, device, settles, told } from './clients.ts';
import { row } from './row.ts';

row(
  'D12',
  'out of grace, without a license and without a grant, a client is refused with the reason and what to do',
  { installed: [cals(1, '2003')] },
  async (s) => {
    await using ts = await atTerminalServer(s, { version: '2003', mode: 'per-device' });
    const desk = device(1);
    assert.equal(said(await ts.admits(desk)), 'A1 let in');
    await s.pass(121);
    assert.equal(told(await settles(s, '2003', device(2))), 'D6 full'); // has the only CAL
    const refused = await ts.admits(desk);
    assert.deepEqual([said(refused), decidedBy(refused)], ['D12 NO_LICENSE_AVAILABLE', 'D10']);
    assert.match(refused.refusal?.todo ?? '', /Buy and install more CALs/);
    assert.equal(refused.license, null);

    // The ended temporary license helps no more than none, nor does another device's.
    const thief = { ...device(3), store: desk.store };
    ts.cut();
    const away = await ts.admits(desk);
    assert.equal(said(away), 'D12 LICENSE_SERVER_UNREACHABLE');
    assert.notEqual(away.fault, null);
    assert.equal(said(await ts.admits(thief)), 'D12 LICENSE_SERVER_UNREACHABLE');
    await ts.restore();

    await s.install(cals(1, '2003'));
    assert.equal(said(await ts.admits(desk)), 'A1 let in');
  },
);
