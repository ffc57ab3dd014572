import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import path from 'node:path';
import { eventually } from '@calbus/test-support/eventually';
import { putBack } from '../ledger-on-disk.ts';
import { atTerminalServer, decidedBy, said } from './at-terminal-server.ts';
import { cals, device, licenseIdOf, settles, told } from './clients.ts';
import { row } from './row.ts';
import type { RowSystem } from './row-system.ts';

const heldBy = async (s: RowSystem, hardwareId: string): Promise<{ licenseId: string; state: string }[]> => {
  const { stdout } = await s.calbus('licenses', '--device', hardwareId, '--json');
  return (JSON.parse(stdout) as { licenses: { licenseId: string; state: string }[] }).licenses;
};

row(
  'N4',
  'a full license that the ledger has lost is let in on, reported, and held again',
  { installed: [cals(1, '2003')] },
  async (s) => {
    const older = path.join(path.dirname(s.profile.natsSeedFile), 'older-ledger');
    await s.whileStopped((folder) => cpSync(folder, older, { recursive: true }));
    const desk = device(1);
    const full = await settles(s, '2003', desk);
    assert.equal(told(full), 'D6 full');
    await using ts = await atTerminalServer(s, { version: '2003', mode: 'per-device' });
    assert.equal(said(await ts.admits(desk)), 'D1 let in');

    await s.whileStopped(putBack(older));
    const loss = async (): Promise<boolean> => (await s.calbus('status')).stdout.includes('accept-loss');
    await eventually('a replica stands in loss', loss, { withinMs: 20_000 });
    assert.equal(said(await ts.admits(desk)), 'D1 let in', 'whatever has become of the ledger');
    const accepted = await s.calbus('ledger', 'accept-loss', '--yes', '--why', 'the copy of last night');
    assert.equal(accepted.code, 0, accepted.stderr);
    await eventually(
      'the terminal server is told of the new life',
      () => ts.server().status().generation !== full.position.generation,
      { withinMs: 20_000 },
    );
    assert.deepEqual(await heldBy(s, desk.hardwareId), []);

    assert.equal(said(await ts.admits(desk)), 'D1 let in');
    const held = async (): Promise<string | undefined> =>
      (await heldBy(s, desk.hardwareId)).find((l) => l.licenseId === licenseIdOf(full))?.state;
    await eventually('the ledger holds it', held, { accept: (is) => is === 'live', withinMs: 10_000 });
    await eventually('it is confirmed', () => ts.server().status().waiting.relearns === 0);

    // Having lost its store, the device is given the same license again, and no second CAL.
    desk.store = undefined;
    const again = await ts.admits(desk);
    assert.deepEqual([said(again), decidedBy(again)], ['A1 let in', 'D13']);
    assert.equal(again.decision && licenseIdOf(again.decision), licenseIdOf(full));
  },
);
