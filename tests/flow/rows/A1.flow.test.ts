import assert from 'node:assert/strict';
import { atTerminalServer, decidedBy, said } from './at-terminal-server.ts';
import { cals, device } from './clients.ts';
import { row } from './row.ts';

row(
  'A1',
  'what the license server grants is handed to the client, from the temporary license to the full one',
  { installed: [cals(1, '2003')] },
  async (s) => {
    await using ts = await atTerminalServer(s, { version: '2003', mode: 'per-device' });
    const desk = device(1);
    const first = await ts.admits(desk);
    assert.deepEqual([said(first), decidedBy(first)], ['A1 let in', 'D4']);
    const temporary = ts.server().check(desk.store?.license ?? '');
    assert.ok(
      temporary.ok && temporary.claims.kind === 'temporary' && temporary.claims.sub === desk.hardwareId,
    );
    const again = await ts.admits(desk);
    assert.deepEqual([said(again), decidedBy(again)], ['A1 let in', 'D8']);

    // The report is lost with the connection. The next request takes it along, so that the device gets its full license.
    ts.cut();
    await assert.rejects(ts.server().validated(desk.store?.licenseId ?? '', desk.hardwareId));
    await ts.restart();
    await ts.restore();
    const full = await ts.admits(desk);
    assert.deepEqual([said(full), decidedBy(full)], ['A1 let in', 'D6']);
    const checked = ts.server().check(desk.store?.license ?? '');
    assert.ok(checked.ok && checked.claims.kind === 'full');
    assert.equal(ts.server().status().grace?.over, 'license', 'the first full license ends the grace period');
    assert.equal(said(await ts.admits(desk)), 'D1 let in');
    assert.equal(await s.counts(), '2003 Per Device: 1 installed, 1 issued, 0 available, 0 temporary');

    // A device that lost its store is given the same license again.
    const { licenseId } = desk.store ?? {};
    desk.store = undefined;
    const lost = await ts.admits(desk);
    assert.deepEqual([said(lost), decidedBy(lost)], ['A1 let in', 'D13']);
    assert.equal(
      desk.store === undefined ? undefined : (desk.store as { licenseId: string }).licenseId,
      licenseId,
    );
  },
);
