// A container is killed, paused or cut from its networks while a terminal server asks; then it is healed. The request in flight is
// decided, or ends with a fault that says to ask again; asked again under its id it has one outcome (I4).

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { faultOf, faults } from '@calbus/contracts/faults';
import type { Decision, TerminalServer } from '@calbus/terminal-server/client';
import { eventually } from '@calbus/test-support/eventually';
import { newDevice } from './provoked-codes.ts';
import type { ComposeDeployment } from './compose-deployment.ts';

export const containerFaults = ['kill', 'pause', 'cut'] as const;
export type ContainerFault = (typeof containerFaults)[number];
/** A part is away for so long. */
const AWAY_MS = 1_500;

type Network = { readonly Aliases: readonly string[] | null };

/** Strikes, and gives what heals. */
const struck = async (
  site: ComposeDeployment,
  how: ContainerFault,
  id: string,
): Promise<() => Promise<void>> => {
  const must = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await site.docker(...args);
    if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  switch (how) {
    case 'kill':
      await must('kill', id);
      return async () => void (await must('start', id));
    case 'pause':
      await must('pause', id);
      return async () => void (await must('unpause', id));
    case 'cut': {
      const all = JSON.parse(await must('inspect', '-f', '{{json .NetworkSettings.Networks}}', id)) as Record<
        string,
        Network
      >;
      for (const name of Object.keys(all)) await must('network', 'disconnect', '-f', name, id);
      return async () => {
        for (const [name, { Aliases }] of Object.entries(all)) {
          const aliases = (Aliases ?? []).filter((a) => !id.startsWith(a)).flatMap((a) => ['--alias', a]);
          await must('network', 'connect', ...aliases, name, id);
        }
      };
    }
  }
};

const attempt = async (
  ts: TerminalServer,
  requestId: string,
  device: { hardwareId: string; name: string },
): Promise<Decision | undefined> => {
  try {
    return await ts.request({ device, requestId });
  } catch (error) {
    const fault = faultOf(error);
    assert.ok(fault, String(error));
    assert.equal(faults[fault.code].verdict, 'retry', fault.code);
    return undefined;
  }
};

let requests = 0;

export const injectFault = async (
  site: ComposeDeployment,
  ts: TerminalServer,
  service: string,
  how: ContainerFault,
): Promise<void> => {
  const [id] = await site.containers(service);
  assert.ok(id, `no container of ${service}`);
  requests += 1;
  const requestId = `struck-${requests}`;
  const device = newDevice();
  const heal = await struck(site, how, id);
  let inFlight: Promise<Decision | undefined>;
  try {
    inFlight = attempt(ts, requestId, device);
    await sleep(AWAY_MS);
  } finally {
    await heal();
  }
  const first = await inFlight;
  const again = await eventually(
    `after ${how} of ${service} the same request is decided`,
    () => attempt(ts, requestId, device),
    { withinMs: 120_000 },
  );
  assert.ok(again);
  const outcomeOf = (d: Decision) =>
    d.outcome.kind === 'license' ? [d.row, d.outcome.licenseId, d.outcome.hardwareId] : [d.row, d.outcome];
  if (first) assert.deepEqual(outcomeOf(again), outcomeOf(first));
  assert.deepEqual([again.row, again.outcome.kind], ['D4', 'license']);
  // The next device, too.
  const other = await eventually(
    'another device is licensed',
    () => attempt(ts, `${requestId}-b`, newDevice()),
    {
      withinMs: 120_000,
    },
  );
  assert.equal(other?.row, 'D4');
};
