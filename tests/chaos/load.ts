// Terminal servers at work: requests come at their own pace, whether or not earlier ones were answered.

import { faultOf } from '@calbus/contracts/faults';
import { connectTerminalServer } from '@calbus/operator-client/terminal-server-connection';
import { install } from '@calbus/operator-client/clearinghouse-commands';
import type { Decision, LicenseRequest, TerminalServer } from '@calbus/terminal-server/client';
import { purchase, terminalServers } from './agreement.ts';
import type { Asked } from './checker/history.ts';
import type { Dice } from './dice.ts';
import { earlierLife, ended, ending, hardwareId, returning } from './earlier-life.ts';
import type { Recorder } from './recorder.ts';
import type { Site } from './site.ts';

export type Load = {
  readonly repeats: () => number;
  /** Calls under way. */
  readonly underWay: () => number;
  /** Key packs whose installation was confirmed to the operator. */
  readonly packsConfirmed: () => readonly string[];
  /** Asks no more, and resolves when everything was answered. */
  readonly stop: () => Promise<void>;
};

type Device = { readonly hardwareId: string; readonly terminalServer: string; licenseId?: string };
type Past = {
  readonly requestId: string;
  readonly terminalServer: string;
  readonly ask: LicenseRequest;
  at: number;
};

const PER_DEVICE = ['ts1', 'ts3', 'ts4'] as const;
/** A little less than the ten minutes for which outcomes are remembered. */
const REPEATED_WITHIN_MS = 570_000;
const MOST_UNDER_WAY = 4_000;
const PACK_EVERY_MS = 15_000;

export const startLoad = async (
  site: Site,
  recorder: Recorder,
  dice: Dice,
  requestsPerSecond: number,
): Promise<Load> => {
  const urls = site.terminalServerWires.map((w) => `nats://${w.host}:${w.port}`);
  const profile = { ...site.profile, natsUrl: urls.join() };
  const clients = new Map<string, TerminalServer[]>();
  for (const id of Object.keys(terminalServers))
    // Two connections of each: a request repeated on the other one is told apart from a call under way.
    clients.set(id, [await connectTerminalServer(profile, id), await connectTerminalServer(profile, id)]);

  const unvalidated: Device[] = [];
  const validated: Device[] = [];
  const past: Past[] = [];
  const faulted: Past[] = [];
  const packs: string[] = [];
  const calls = new Set<Promise<void>>();
  let devices = 0;
  let requests = 0;
  let repeats = 0;

  const exchange = (
    call: Promise<Decision>,
    then: (d: Decision) => void,
    failed: () => void = () => {},
  ): void => {
    const askedAt = performance.now();
    const done = call.then(
      (decision) => {
        recorder.exchanged({
          askedAt,
          answeredAt: performance.now(),
          result: { kind: 'decision', decision },
        });
        then(decision);
      },
      (error: unknown) => {
        const fault = faultOf(error);
        if (!fault) throw error;
        const result = { kind: 'fault', code: fault.code } as const;
        recorder.exchanged({ askedAt, answeredAt: performance.now(), result });
        failed();
      },
    );
    const tracked = done.finally(() => calls.delete(tracked));
    calls.add(tracked);
  };

  const ask = (terminalServer: string, a: LicenseRequest, then: (d: Decision) => void = () => {}): void => {
    requests += 1;
    const p: Past = { requestId: `r${requests}`, terminalServer, ask: a, at: performance.now() };
    const of = terminalServers[terminalServer];
    if (!of) throw new Error(`There is no ${terminalServer}.`);
    const asked: Asked = {
      kind: 'license',
      terminalServerId: terminalServer,
      ...of,
      hardwareId: a.device.hardwareId,
      authenticated: a.user?.authenticatedBy !== undefined,
    };
    recorder.asked(p.requestId, asked);
    past.push(p);
    const client = dice.pick(clients.get(terminalServer) ?? []);
    if (client) exchange(client.request({ ...a, requestId: p.requestId }), then, () => faulted.push(p));
  };

  const learn = (d: Device) => (decision: Decision) => {
    const { outcome } = decision;
    if (outcome.kind !== 'license' || outcome.licenseKind !== 'temporary') return;
    const fresh = decision.row === 'D4' || decision.row === 'D11' || decision.row === 'D8';
    if (fresh) unvalidated.push({ ...d, licenseId: outcome.licenseId });
  };
  const device = (id: string): LicenseRequest => ({
    device: { hardwareId: id, name: `d-${id.slice(4, 8)}-${id.slice(-5)}` },
  });

  const newDevice = (): void => {
    devices += 1;
    const d = { hardwareId: hardwareId(0, devices), terminalServer: dice.pick(PER_DEVICE) ?? 'ts1' };
    ask(d.terminalServer, device(d.hardwareId), learn(d));
  };
  /** As when a farm is opened again: several at the same moment, which travel together. */
  const crowd = (): void => {
    const terminalServer = dice.pick(PER_DEVICE) ?? 'ts1';
    for (let n = dice.between(2, 12); n > 0; n -= 1) {
      devices += 1;
      const d = { hardwareId: hardwareId(0, devices), terminalServer };
      ask(terminalServer, device(d.hardwareId), learn(d));
    }
  };
  const logOn = (): void => {
    const at = dice.between(0, Math.max(0, unvalidated.length - 1));
    const [d] = unvalidated.splice(at, 1);
    if (d?.licenseId === undefined) return newDevice();
    const { licenseId } = d;
    const client = dice.pick(clients.get(d.terminalServer) ?? []);
    const reported: Asked = {
      kind: 'report',
      terminalServerId: d.terminalServer,
      licenseId,
      hardwareId: d.hardwareId,
    };
    if (client)
      exchange(
        client.validated(licenseId, d.hardwareId),
        (decision) => {
          recorder.asked(decision.requestId, reported);
          validated.push(d);
        },
        () => unvalidated.push(d), // repeated until it is confirmed
      );
    return undefined;
  };
  const again = (): void => {
    const d = dice.pick(validated);
    if (!d) return newDevice();
    // Now and then at a terminal server of another version: an upgrade, or another temporary license.
    const at = dice.next() < 0.2 ? (dice.pick(PER_DEVICE) ?? 'ts1') : d.terminalServer;
    return ask(at, device(d.hardwareId), learn({ ...d, terminalServer: at }));
  };
  const unconfirmedLogOn = (): void => {
    const d = dice.pick(unvalidated);
    if (d?.licenseId === undefined) return newDevice();
    return ask(d.terminalServer, { ...device(d.hardwareId), validatedLicenseId: d.licenseId });
  };
  const known = (): void => {
    const d = dice.pick(dice.next() < 0.5 ? unvalidated : validated);
    return d ? ask(d.terminalServer, device(d.hardwareId)) : newDevice();
  };
  const ofEarlierLife = (): void => {
    const families = [
      () => ask('ts4', device(ended(dice.between(0, earlierLife.ended - 1)))),
      () => ask(dice.pick(PER_DEVICE) ?? 'ts4', device(ending(dice.between(0, earlierLife.ending - 1)))),
      () => ask('ts1', device(returning(dice.between(0, earlierLife.returning - 1)))),
    ];
    dice.pick(families)?.();
  };
  const repeat = (): void => {
    const now = performance.now();
    const recent = past.slice(-20);
    const all = dice.next() < 0.5 ? recent : dice.next() < 0.5 ? faulted : past;
    const p = dice.pick(all);
    if (!p || now - p.at > REPEATED_WITHIN_MS) return newDevice();
    repeats += 1;
    const client = dice.pick(clients.get(p.terminalServer) ?? []);
    if (client) exchange(client.request({ ...p.ask, requestId: p.requestId }), () => {});
    return undefined;
  };
  const userRequest = (): void => {
    const n = dice.between(1, 500);
    const authenticated = dice.next() < 0.9 ? { authenticatedBy: 'pam' } : {};
    const user = { name: `User${n}`, domain: 'CHAOS', ...authenticated };
    ask(dice.next() < 0.8 ? 'ts2' : 'ts5', { ...device(hardwareId(4, n)), user });
  };
  const nobody = (): void => ask('ts1', device(`00000000${'0'.repeat(31)}1`));

  const kinds: readonly (readonly [number, () => void])[] = [
    [22, newDevice],
    [1, crowd],
    [16, logOn],
    [20, again],
    [4, unconfirmedLogOn],
    [8, known],
    [10, ofEarlierLife],
    [10, repeat],
    [5, userRequest],
    [1, nobody],
  ];
  const total = kinds.reduce((n, [weight]) => n + weight, 0);
  const one = (): void => {
    if (calls.size >= MOST_UNDER_WAY) return;
    let left = dice.next() * total;
    for (const [weight, act] of kinds) {
      left -= weight;
      if (left < 0) return act();
    }
  };
  // Half of a version that runs empty comes back in small packs, through the liaison and the Clearinghouse.
  const buyPack = (): void => {
    const bought = install(site.operator, purchase('2022', 'per-device', 5), () => {}, 120_000).then(
      (c) => {
        if (c.state.state === 'done' && c.state.keyPackId !== undefined) packs.push(c.state.keyPackId);
      },
      () => {}, // the liaison was away; a command that reached its outbox goes on by itself
    );
    const tracked: Promise<void> = bought.finally(() => calls.delete(tracked));
    calls.add(tracked);
  };
  const timer = setInterval(one, 1_000 / requestsPerSecond);
  const packTimer = setInterval(buyPack, PACK_EVERY_MS);
  return {
    repeats: () => repeats,
    underWay: () => calls.size,
    packsConfirmed: () => packs,
    stop: async () => {
      clearInterval(timer);
      clearInterval(packTimer);
      while (calls.size > 0) await Promise.all(calls);
      for (const both of clients.values()) for (const c of both) await c.close();
    },
  };
};
