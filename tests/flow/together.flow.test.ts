// Many devices at the same moment at one terminal server: their requests travel together, and each is decided as if it had come alone.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  licenseDecisions,
  licenseRequests,
  MAX_BATCH_REQUESTS,
} from '@calbus/contracts/terminal-server-messages';
import { decode } from '@calbus/contracts/envelope';
import { subjects } from '@calbus/contracts/subjects';
import { connectTerminalServer } from '@calbus/operator-client/terminal-server-connection';
import type { TerminalServer } from '@calbus/terminal-server/client';
import { hw, startDeployment, type TestDeployment } from '@calbus/test-support/deployment';

const DEVICES = 100;

let s: TestDeployment;
let ts: TerminalServer;
before(async () => {
  s = await startDeployment();
  await s.firstLicense();
  ts = await connectTerminalServer(s.profile, 'ts1', { requestTimeoutMs: 20_000 });
});
after(async () => {
  await ts?.close();
  await s?.[Symbol.asyncDispose]();
});

type Overheard = { readonly decisions: number; readonly signed: boolean };

/** What each message to ts1 carried that was overheard while `act` ran. */
const overheard = async (act: () => Promise<void>): Promise<Overheard[]> => {
  const messages: Overheard[] = [];
  s.operator.nc.subscribe(subjects.decision.to('ts1'), {
    callback: (_error, m) => {
      const decoded = decode([licenseDecisions], m.data);
      const { decisions, signedTogether } = decoded.ok ? decoded.message.body : { decisions: [{}] };
      messages.push({ decisions: decisions.length, signed: signedTogether !== undefined });
    },
  });
  await s.operator.nc.flush();
  await act();
  await s.operator.nc.flush();
  return messages;
};

test('a hundred devices at once come in a few messages, and each gets a license of its own', async () => {
  const devices = Array.from({ length: DEVICES }, (_, n) => ({ hardwareId: hw(10_000 + n), name: `d${n}` }));
  const ask = async (): Promise<string[]> => {
    const decisions = await Promise.all(devices.map((device) => ts.request({ device })));
    return decisions.map(({ outcome }, n) => {
      assert.ok(outcome.kind === 'license' && outcome.hardwareId === devices[n]?.hardwareId);
      return outcome.licenseId;
    });
  };
  let first: string[] = [];
  const messages = await overheard(async () => {
    first = await ask();
  });
  assert.equal(new Set(first).size, DEVICES);
  assert.equal(
    messages.reduce((sum, m) => sum + m.decisions, 0),
    DEVICES,
  );
  const sizes = messages.map((m) => m.decisions);
  assert.equal(sizes.length, Math.ceil(DEVICES / MAX_BATCH_REQUESTS), `${sizes.join()} decisions a message`);
  assert.ok(
    messages.every((m) => m.signed),
    'one signature for each message',
  );
  assert.deepEqual(await ask(), first, 'asked again, each is given the same');
});

test('the same request twice in one message is decided once', async () => {
  const nc = await s.connectAs({ terminalServer: 'ts1' });
  const told = nc.subscribe(subjects.decision.of('ts1', 'twice'), { max: 1, timeout: 20_000 });
  const request = {
    requestId: 'the-same',
    waitsMs: 8_000,
    mode: 'per-device',
    version: '2003',
    device: { hardwareId: hw(20_000), name: 'twice' },
  };
  const head = { version: 1, correlationId: 'twice', causationId: null, sentAt: Date.now() };
  const message = {
    id: 'twice',
    type: licenseRequests.type,
    ...head,
    body: { requests: [request, request] },
  };
  nc.publish(subjects.license.requests('ts1'), JSON.stringify(message));
  for await (const m of told) {
    const decoded = decode([licenseDecisions], m.data);
    assert.ok(decoded.ok);
    const [a, b] = decoded.message.body.decisions;
    assert.ok(a && b);
    assert.deepEqual(a, b);
  }
  await nc.close();
  const { stdout } = await s.calbus('licenses', '--device', hw(20_000), '--json');
  assert.equal((JSON.parse(stdout) as { licenses: unknown[] }).licenses.length, 1);
});
