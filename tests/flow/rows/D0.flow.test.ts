import assert from 'node:assert/strict';
import { atTerminalServer, ledgerAt, said } from './at-terminal-server.ts';
import { device } from './clients.ts';
import { row } from './row.ts';

row(
  'D0',
  'in Remote Administration mode everybody is let in, and nobody is asked',
  { activated: false },
  async (s) => {
    await using ts = await atTerminalServer(s, { version: '2003', mode: 'remote-administration' });
    const before = await ledgerAt(s);
    const a = await ts.admits(device(1));
    assert.equal(said(a), 'D0 let in');
    assert.deepEqual([a.license, a.decision, a.fault], [null, null, null]);

    await s.pass(400);
    ts.cut();
    assert.equal(said(await ts.admits(device(1))), 'D0 let in');
    await ts.restart();
    assert.equal(said(await ts.admits(device(2))), 'D0 let in');
    assert.equal(ts.server().status().grace, null, 'no grace period has begun');
    await ts.restore();

    // The services have been started again in between: that is one record of who leads.
    assert.equal((await ledgerAt(s)) - before, 1);
    const { pools, devices } = await s.status();
    assert.deepEqual([pools, devices], [[], 0]);
  },
);
