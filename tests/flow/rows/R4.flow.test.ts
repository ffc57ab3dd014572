import assert from 'node:assert/strict';
import { inventoryRevoke } from '@calbus/contracts/inventory-command-messages';
import { newId } from '@calbus/operator-client/client';
import { eventually } from '@calbus/test-support/eventually';
import { atTerminalServer, decidedBy, said } from './at-terminal-server.ts';
import { cals, device, settles, told, type Device } from './clients.ts';
import type { RowSystem } from './row-system.ts';
import { row } from './row.ts';

const revoke = (s: RowSystem, desk: Device) =>
  s.operator.sendToLeader(inventoryRevoke, {
    commandId: newId(),
    licenseId: desk.store?.licenseId ?? '',
    by: 'a test',
    why: 'it was stolen',
  });

row(
  'R4',
  'connected terminal servers stop admitting on a revoked license within a second, others when they reconnect',
  { installed: [cals(10, '2003')] },
  async (s) => {
    await using connected = await atTerminalServer(s, { version: '2003', mode: 'per-device' });
    await using apart = await atTerminalServer(s, { version: '2000', mode: 'per-device' });
    const [first, second] = [device(1), device(2)];
    for (const desk of [first, second]) assert.equal(told(await settles(s, '2003', desk)), 'D6 full');
    const admitted = async (desk: Device): Promise<string> => {
      const { store } = desk;
      const rows = [await connected.admits(desk), await apart.admits(desk)].map(said);
      desk.store = store;
      return rows.join(', ');
    };
    assert.equal(await admitted(first), 'D1 let in, D1 let in');
    apart.cut();

    await revoke(s, first);
    const from = performance.now();
    const { store } = first;
    const knows = (ts: typeof connected) => () => ts.server().status().ended > 0;
    await eventually('the connected one knows', knows(connected));
    const took = performance.now() - from;
    console.log(`a connected terminal server knew after ${Math.round(took)} ms`);
    assert.ok(took < 2_500, `${took} ms`);
    const asked = await connected.admits(first);
    assert.deepEqual(
      [said(asked), decidedBy(asked)],
      ['A1 let in', 'D9'],
      'asked about, and given a new license',
    );
    assert.match(asked.notCounted ?? '', /ended early/);
    first.store = store;
    assert.equal(said(await apart.admits(first)), 'D1 let in', 'the other one cannot know');

    await apart.restore();
    await eventually('the other one knows', knows(apart));
    apart.cut();
    await apart.restart();
    const refused = await apart.admits(first);
    assert.match(refused.notCounted ?? '', /ended early/, 'kept over a restart without NATS');
    assert.equal(said(await apart.admits(second)), 'D1 let in');
  },
);
