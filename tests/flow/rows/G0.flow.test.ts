import assert from 'node:assert/strict';
import { eventually } from '@calbus/test-support/eventually';
import { atTerminalServer, said } from './at-terminal-server.ts';
import { cals, device } from './clients.ts';
import { row } from './row.ts';
import type { RowSystem } from './row-system.ts';

/** An operator is told of this terminal server's grace period and mode in exactly these events. */
const eventsAre = async (s: RowSystem, expected: readonly string[]): Promise<void> => {
  const told = async (): Promise<string> => {
    const { stdout } = await s.calbus('events', '--limit', '100', '--json');
    const all = JSON.parse(stdout) as { event: string; about: string }[];
    const names = all.filter((e) => e.about.includes('ts-2003')).map((e) => e.event);
    return [...new Set(names)].toSorted((a, b) => a.localeCompare(b)).join();
  };
  await eventually('the events', told, { accept: (is) => is === expected.join(), withinMs: 15_000 });
};

row(
  'G0',
  'without a licensing mode clients are let in while the grace period lasts, and refused from then on',
  { installed: [cals(5, '2003')] },
  async (s) => {
    await using ts = await atTerminalServer(s, { version: '2003', mode: 'none' });
    const a = await ts.admits(device(1));
    assert.equal(said(a), 'G0 let in, 120 days left');
    assert.equal(a.license, null);
    await eventsAre(s, ['MODE_NOT_CONFIGURED']);
    await s.pass(119);
    await ts.restart();
    await eventsAre(s, ['GRACE_ENDING', 'MODE_NOT_CONFIGURED']);
    assert.equal(said(await ts.admits(device(2))), 'G0 let in, 1 days left');
    await s.pass(1);
    const refused = await ts.admits(device(1));
    assert.equal(said(refused), 'G0 MODE_NOT_CONFIGURED');
    await eventsAre(s, ['GRACE_ENDED', 'GRACE_ENDING', 'MODE_NOT_CONFIGURED']);
    assert.match(refused.refusal?.todo ?? '', /Set Per Device or Per User/);
    await ts.restart();
    assert.equal(said(await ts.admits(device(1))), 'G0 MODE_NOT_CONFIGURED');
    assert.equal(await s.counts(), '2003 Per Device: 5 installed, 0 issued, 5 available, 0 temporary');

    // Configured at last: a device that presents nothing is asked about, as ever.
    await using configured = await atTerminalServer(s, { version: '2003', mode: 'per-device' });
    assert.equal(said(await configured.admits(device(1))), 'A1 let in');
  },
);
