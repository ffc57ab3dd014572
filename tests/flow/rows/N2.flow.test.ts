import assert from 'node:assert/strict';
import { cals, connects, device, licenseIdOf, settles, told } from './clients.ts';
import { done, revoke } from './operator.ts';
import { row } from './row.ts';

type Explained = {
  readonly explanations: readonly {
    readonly steps: readonly { readonly row: string; readonly matched: boolean; readonly why: string }[];
  }[];
};

row(
  'N2',
  'a presented license that was ended early counts as nothing presented: the ledger alone decides',
  { installed: [cals(1, '2003'), cals(1, '2008')] },
  async (s) => {
    const desk = device(1);
    const first = await settles(s, '2003', desk);
    assert.equal(told(first), 'D6 full');
    const kept = desk.store;

    // Superseded by an upgrade: the client has put an old license store back.
    await connects(s, '2008', desk);
    desk.store = kept;
    const upgraded = await connects(s, '2008', desk, { requestId: 'superseded' });
    assert.notEqual(licenseIdOf(upgraded), licenseIdOf(first));

    // Revoked: genuine, in date by itself, and worth nothing.
    const full = licenseIdOf(await connects(s, '2003', desk));
    await done(s, ...revoke(full));
    const shown = await connects(s, '2003', desk, { requestId: 'revoked' });
    assert.equal(told(shown), 'D9 full', 'a device that was licensed before, and a CAL is free');
    assert.notEqual(licenseIdOf(shown), full);
    const { explanations } = await done<Explained>(s, 'explain', 'revoked', '--json');
    const step = explanations[0]?.steps.find((e) => e.row === 'N2');
    assert.equal(step?.matched, true);
    assert.match(step?.why ?? '', /was revoked: it counts as nothing/);
  },
);
