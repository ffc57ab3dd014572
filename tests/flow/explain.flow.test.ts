// Why did this device get that? Asked of a real system for one device after the other, and again after the leader was killed and
// NATS restarted.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Explanation } from '@calbus/contracts/explain-messages';
import { streams } from '@calbus/contracts/streams';
import { connectTerminalServer } from '@calbus/operator-client/terminal-server-connection';
import type { Decision, TerminalServer } from '@calbus/terminal-server/client';
import { eventually } from '@calbus/test-support/eventually';
import type { ServiceProcess } from '@calbus/test-support/service-process';
import { hw, startDeployment, type TestDeployment } from '@calbus/test-support/deployment';

/** In nanoseconds. */
const SECOND = 1_000_000_000;
type Explained = { readonly explanations: Explanation[]; readonly recorded: { entry: { row: string } }[] };

let s: TestDeployment;
let ts: TerminalServer;
before(async () => {
  s = await startDeployment();
  await s.firstLicense();
  ts = await connectTerminalServer(s.profile, 'ts1');
});
after(async () => {
  await ts?.close();
  await s?.[Symbol.asyncDispose]();
});

const text = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await s.calbus('explain', ...args);
  assert.equal(code, 0, stderr);
  return stdout;
};
const explained = async (...args: string[]): Promise<Explained> =>
  JSON.parse(await text(...args, '--json')) as Explained;
/** A decision is found a quarter of a second after it was made. */
const untilExplained = async (requestId: string): Promise<Explanation> => {
  const found = await eventually(
    `request ${requestId} is explained`,
    async () => {
      const { code, stdout } = await s.calbus('explain', requestId, '--json');
      return code === 0 ? (JSON.parse(stdout) as Explained).explanations[0] : undefined;
    },
    { withinMs: 20_000 },
  );
  return found ?? assert.fail();
};
const ask = (n: number, requestId: string): Promise<Decision> =>
  ts.request({ requestId, device: { hardwareId: hw(n), name: `desk-${n}` } });
const whyNot = (e: Explanation | undefined, row: string): string | undefined =>
  e?.steps.find((t) => t.row === row && !t.matched)?.why;

test('a device that went from a temporary to a full license: D13, D6, D5 and D4, each with what did not hold', async () => {
  const all = await eventually('every decision', async () => {
    const { explanations } = await explained(hw(1), '--limit', '5');
    return explanations[0]?.facts.row === 'U1' ? explanations : undefined;
  });
  assert.deepEqual(
    all?.map((e) => e.facts.row),
    ['U1', 'D13', 'D6', 'D5', 'D4'],
  );
  assert.ok(all?.every((e) => e.agrees && e.refusal === null));
  const [, , d6, , d4] = all ?? [];
  assert.equal(whyNot(d6, 'D16'), 'it holds no full license of an older version');
  assert.equal(whyNot(d4, 'D9'), 'none of its licenses has ended, and no log-on validated an older one');
  const output = await text(hw(1), '--limit', '5');
  assert.match(output, /full license .* for CALs of version 2003/);
  assert.match(output, /key pack +([A-Z0-9]{5}-){6}[A-Z0-9]{5}/);
  assert.match(output, /> D6 +it holds a temporary license that serves, and a log-on was reported with it/);
  assert.match(output, /held +nothing, ever/);
});

test('a user, a device that identifies nobody, and ids that nobody knows', async () => {
  const user = await explained('--user', 'EXAMPLE\\ann');
  assert.equal(user.explanations[0]?.facts.row, 'U1');
  assert.match(
    await text('0'.repeat(40)),
    /^N3: .*\n(.*\n)*what to do +Let the client keep its license store/,
  );
  for (const [args, says] of [
    [['no-such-request'], /Nothing is known of request no-such-request: check the id/],
    [['f'.repeat(40)], /Nothing is known of device f+: check the hardware id/],
    [['--user', 'EXAMPLE\\nobody'], /Nothing is known of user example\\nobody/],
    [['not an id'], /is neither a hardware id/],
    [[], /Give a request id/],
  ] as const) {
    const { code, stderr } = await s.calbus('explain', ...args);
    assert.equal(code, 1);
    assert.match(stderr, says);
    assert.doesNotMatch(stderr, /\n\s+at /);
  }
});

test('a refusal says what to do; found again after the leader was killed, and after NATS was restarted', async () => {
  await s.calbus('settings', 'set', 'temporaryDays=1');
  assert.equal((await ask(9, 'first')).row, 'D4');
  await untilExplained('first');

  const later = { CALBUS_CLOCK_OFFSET: '2d' };
  const leader: ServiceProcess = await s.startAnother('inventory', later);
  await s.services.get('inventory')?.stop();
  // Until then it dates by the clocks that agree.
  assert.equal((await s.calbus('clock', 'confirm', '--why', 'a trial')).code, 0);
  const refused = await eventually(
    'the other one leads',
    async () => {
      const d = await ask(9, `late-${Date.now()}`).catch(() => undefined);
      return d?.row === 'D10' ? d : undefined;
    },
    { withinMs: 15_000 },
  );
  assert.ok(refused?.outcome.kind === 'refused');
  const e = await untilExplained(refused.requestId);
  assert.equal(e.refusal?.code, 'NO_LICENSE_AVAILABLE');
  assert.equal(whyNot(e, 'D9'), 'no CAL is free');
  const output = await text(refused.requestId);
  assert.match(output, /refused: NO_LICENSE_AVAILABLE/);
  assert.match(output, /free +no CAL that may be taken\n +2003 Per Device: 2 installed, 2 issued/);
  assert.match(output, /what to do +Buy and install more CALs/);

  await leader.kill();
  await s.startAnother('inventory', later);
  assert.equal((await untilExplained('first')).facts.row, 'D4');
  assert.equal((await untilExplained(refused.requestId)).facts.row, 'D10');

  await s.servers.nats.restart();
  assert.equal((await untilExplained('first')).facts.row, 'D4');
  const again = await eventually(
    'it is refused again',
    async () => {
      const d = await ask(9, `again-${Date.now()}`).catch(() => undefined);
      return d?.row === 'D10' ? d : undefined;
    },
    { withinMs: 15_000 },
  );
  assert.ok(again);
  assert.equal((await untilExplained(again.requestId)).refusal?.code, 'NO_LICENSE_AVAILABLE');
});

test('when what decisions saw is gone the ledger still says what was recorded, and that it is so', async () => {
  const nc = await s.connectAs('provisioner-ledger');
  const jsm = await nc.jetstreamManager({ checkAPI: false });
  await jsm.streams.update(streams.decisions.name, { max_age: SECOND, duplicate_window: SECOND });
  await eventually('everything is older than that', async () => {
    const { state } = await jsm.streams.info(streams.decisions.name);
    return state.messages === 0;
  });
  await nc.close();
  const { explanations, recorded } = await explained(hw(1), '--limit', '2');
  assert.deepEqual(explanations, []);
  assert.deepEqual(
    recorded.map((r) => r.entry.row),
    ['D6', 'D5'],
  );
  const output = await text(hw(1));
  assert.match(output, /^full license for 2003 until .*, in place of temporary license/);
  assert.match(output, /held +\S+ +temporary, validated, 2003, until .*, in date/);
  assert.match(output, /not stored: they are forgotten after 30 days/);
});
