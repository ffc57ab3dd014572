import assert from 'node:assert/strict';
import { atTerminalServer, said } from './at-terminal-server.ts';
import { cals, device } from './clients.ts';
import { row } from './row.ts';

row(
  'G0',
  'without a licensing mode clients are let in while the grace period lasts, and refused from then on',
  { installed: [cals(5, '2003')] },
  async (s) => {
    await using ts = await atTerminalServer(s, { version: '2003', mode: 'none' });
    const a = await ts.admits(device(1));
    assert.equal(said(a), 'G0 let in, 120 days left');
    assert.equal(a.license, null);
    await s.pass(119);
    await ts.restart();
    assert.equal(said(await ts.admits(device(2))), 'G0 let in, 1 days left');
    await s.pass(1);
    const refused = await ts.admits(device(1));
    assert.equal(said(refused), 'G0 MODE_NOT_CONFIGURED');
    assert.match(refused.refusal?.todo ?? '', /Set Per Device or Per User/);
    await ts.restart();
    assert.equal(said(await ts.admits(device(1))), 'G0 MODE_NOT_CONFIGURED');
    assert.equal(await s.counts(), '2003 Per Device: 5 installed, 0 issued, 5 available, 0 temporary');

    // Configured at last: a device that presents nothing is asked about, as ever.
    await using configured = await atTerminalServer(s, { version: '2003', mode: 'per-device' });
    assert.equal(said(await configured.admits(device(1))), 'A1 let in');
  },
);
