import assert from 'node:assert/strict';
import path from 'node:path';
import { eventually } from '@calbus/test-support/eventually';
import { atTerminalServer } from './at-terminal-server.ts';
import { device } from './clients.ts';
import { done } from './operator.ts';
import { row } from './row.ts';
import type { RowSystem } from './row-system.ts';

type Known = {
  readonly terminalServers: readonly {
    readonly terminalServerId: string;
    readonly standing?: { readonly mode: string | null; readonly grace: { readonly over: string } | null };
  }[];
};
type Findings = { readonly findings: readonly { readonly code: string; readonly about: string }[] };

/** As one who may command nothing. */
const diagnosed = async (s: RowSystem): Promise<string[]> => {
  const observer = path.resolve(path.dirname(s.profile.natsSeedFile), '../../observer.json');
  const { stdout, stderr } = await s.calbus('--profile', observer, 'diagnose', '--json');
  assert.equal(stderr, '');
  return (JSON.parse(stdout) as Findings).findings.map((f) => `${f.code} ${f.about}`);
};
const raised = (s: RowSystem, event: string): Promise<unknown> =>
  eventually(
    `the event ${event}`,
    async () => {
      const events = await done<{ event: string; about: string }[]>(s, 'events', '--json');
      return events.some((e) => e.event === event && e.about === 'terminal server ts-2003');
    },
    { withinMs: 30_000 },
  );

row('T0', 'a terminal server says how it stands, and an operator sees what is missing', {}, async (s) => {
  await s.set({ graceDays: 5 });
  await using ts = await atTerminalServer(s, { version: '2003', mode: 'none' });
  await ts.admits(device(1));
  const standing = await eventually(
    'it has said so',
    async () => {
      const { terminalServers } = await done<Known>(s, 'terminal-servers', 'ts-2003', '--json');
      const [known] = terminalServers;
      return known?.standing?.grace ? known.standing : undefined;
    },
    { withinMs: 30_000 },
  );
  assert.deepEqual([standing?.mode, standing?.grace?.over], [null, 'no']);

  const about = 'terminal server ts-2003';
  assert.deepEqual(await diagnosed(s), [
    `MODE_NOT_CONFIGURED ${about}`,
    'NOTHING_INSTALLED_FOR_PRODUCT the license server',
    `GRACE_ENDS ${about}, in 5 days`,
  ]);
  await raised(s, 'MODE_NOT_CONFIGURED');
  await raised(s, 'GRACE_ENDING');
  await s.pass(6);
  await raised(s, 'GRACE_ENDED');
});
