import assert from 'node:assert/strict';
import { eventually } from '@calbus/test-support/eventually';
import { atTerminalServer, decidedBy, said } from './at-terminal-server.ts';
import { cals, device } from './clients.ts';
import { row } from './row.ts';

row(
  'D3',
  'a license in date lets its device in while the license server is away, or takes nothing new',
  { installed: [cals(5, '2003')] },
  async (s) => {
    await s.set({ graceDays: 0 });
    await using ts = await atTerminalServer(s, { version: '2003', mode: 'per-device' });
    await eventually('it knows of the setting', () => ts.server().status().settings.graceDays === 0);
    const desk = device(1);
    assert.equal(said(await ts.admits(desk)), 'A1 let in');
    const newcomer = device(2);

    ts.cut();
    const away = await ts.admits(desk);
    assert.equal(said(away), 'D3 let in');
    assert.deepEqual([away.license, away.decision], [null, null]);
    assert.equal(said(await ts.admits(newcomer)), 'D12 LICENSE_SERVER_UNREACHABLE');
    await ts.restart();
    assert.equal(said(await ts.admits(desk)), 'D3 let in', 'started while NATS is away');
    await ts.restore();

    // The temporary license was validated and a CAL is free, but no more full licenses are given this hour.
    await ts.server().validated(desk.store?.licenseId ?? '', desk.hardwareId);
    await s.set({ quotas: { newDevicesPerMinute: 100, fullLicensesPerHour: 0 } });
    const quota = await ts.admits(desk);
    assert.deepEqual([said(quota), decidedBy(quota)], ['D3 let in', 'S3']);

    // Past its end it is no license any more.
    await s.pass(90);
    ts.cut();
    assert.equal(said(await ts.admits(desk)), 'D12 LICENSE_SERVER_UNREACHABLE');
    await ts.restore();
    await s.set({ quotas: null });
    const full = await ts.admits(desk);
    assert.deepEqual([said(full), decidedBy(full)], ['A1 let in', 'D9']);
  },
);
