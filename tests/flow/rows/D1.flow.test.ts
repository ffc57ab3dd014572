import assert from 'node:assert/strict';
import { atTerminalServer, decidedBy, ledgerAt, said } from './at-terminal-server.ts';
import { cals, device, settles, told } from './clients.ts';
import { DAY } from './row-system.ts';
import { row } from './row.ts';

row(
  'D1',
  'a full license that serves, with more than the lead left, lets its device in without a question',
  { installed: [cals(2, '2003')] },
  async (s) => {
    const desk = device(1);
    const full = await settles(s, '2003', desk);
    assert.equal(told(full), 'D6 full');
    assert.ok(full.outcome.kind === 'license');
    const { notAfter } = full.outcome;
    await using ts = await atTerminalServer(s, { version: '2003', mode: 'per-device' });
    await using older = await atTerminalServer(s, { version: '2000', mode: 'per-device' });
    await using newer = await atTerminalServer(s, { version: '2008', mode: 'per-device' });

    const before = await ledgerAt(s);
    const a = await ts.admits(desk);
    assert.equal(said(a), 'D1 let in');
    assert.deepEqual([a.license, a.decision], [null, null]);
    assert.equal(said(await older.admits(desk)), 'D1 let in', 'it serves older terminal servers');
    ts.cut();
    assert.equal(said(await ts.admits(desk)), 'D1 let in', 'without NATS too');
    await ts.restart();
    assert.equal(said(await ts.admits(desk)), 'D1 let in', 'and from its first moment on');
    await ts.restore();

    // Neither another device nor a later terminal server is served by it: the license server is asked.
    const other = { ...device(2), store: desk.store };
    const asked = await ts.admits(other);
    assert.deepEqual([said(asked), decidedBy(asked)], ['A1 let in', 'D4']);
    const store = desk.store;
    assert.equal(said(await newer.admits(desk)), 'A1 let in');
    desk.store = store;

    // A minute before the lead it still lets in; within it the license server renews it.
    await s.passUntil(notAfter - 7 * DAY - 60_000);
    assert.equal(said(await ts.admits(desk)), 'D1 let in');
    await s.passUntil(notAfter - 7 * DAY + 1_000);
    const renewed = await ts.admits(desk);
    assert.deepEqual([said(renewed), decidedBy(renewed)], ['A1 let in', 'D2']);
    assert.equal(said(await ts.admits(desk)), 'D1 let in', 'on the renewed one');
    assert.ok((await ledgerAt(s)) > before);
  },
);
