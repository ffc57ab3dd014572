import assert from 'node:assert/strict';
import { eventually } from '@calbus/test-support/eventually';
import { atTerminalServer, decidedBy, said } from './at-terminal-server.ts';
import { cals } from './clients.ts';
import { row } from './row.ts';

row(
  'U8',
  'while the license server is away an authenticated user is let in, or not, as the setting says',
  { installed: [cals(5, '2003', 'per-user')] },
  async (s) => {
    await using ts = await atTerminalServer(s, { version: '2003', mode: 'per-user' });
    const granted = await ts.admitsUser('Ann', 'pam');
    assert.deepEqual([said(granted), decidedBy(granted)], ['A1 let in', 'U1']);
    assert.equal(ts.server().status().grace?.over, 'license', 'the first grant ends the grace period');

    ts.cut();
    assert.equal(said(await ts.admitsUser('Ben', 'pam')), 'U8 let in');
    assert.equal(said(await ts.admitsUser('Cid')), 'U8 LICENSE_SERVER_UNREACHABLE', 'nobody knows who he is');
    await ts.restore();
    const cid = await ts.admitsUser('Cid');
    assert.deepEqual([said(cid), decidedBy(cid)], ['D12 NOT_AUTHENTICATED', 'U0']);

    await s.set({ perUserWhenUnreachable: 'refuse' });
    const kept = (): string | undefined => ts.server().status().settings.perUserWhenUnreachable;
    await eventually('it knows the setting', kept, { accept: (is) => is === 'refuse' });
    ts.cut();
    const refused = await ts.admitsUser('Ben', 'pam');
    assert.equal(said(refused), 'U8 LICENSE_SERVER_UNREACHABLE');
    assert.match(refused.refusal?.todo ?? '', /calbus status/);
    await ts.restart();
    assert.equal(said(await ts.admitsUser('Ben', 'pam')), 'U8 LICENSE_SERVER_UNREACHABLE');
    await ts.restore();
    assert.equal(said(await ts.admitsUser('Ben', 'pam')), 'A1 let in');
  },
);
