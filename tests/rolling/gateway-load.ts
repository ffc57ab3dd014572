// RDP clients that connect through the session gateway all the time: a new device, then the same device with what it was given.

import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '@calbus/test-support/eventually';
import { connectToLicensing, runLicenseExchange } from '../support/session-gateway/scripted-client.ts';

const PAUSE_MS = 150;
const RECONNECT_MS = 200;
const STAGE_TIMEOUT_MS = 20_000;
/** The rows by which a client that has a right to be let in is let in, with and without an answer of the license server. */
const ADMITTING_ROWS: ReadonlySet<string> = new Set(['A1', 'D1', 'D3', 'G1']);
const CONNECTIONS_PER_STAGE = 3;

/** A line of the gateway's log, as far as it tells of a decision. */
type Decided = { readonly device?: string; readonly row?: string; readonly code?: string };

export type GatewayLoad = {
  /** Devices that were given a license. */
  readonly devices: () => number;
  /** Devices that connected at all. */
  readonly attempted: () => number;
  readonly rows: () => Readonly<Record<string, number>>;
  /** Resolves once enough clients that connected from now on were let in; rejects where one was not. */
  readonly settled: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

const decidedIn = (lines: readonly string[]): Decided[] =>
  lines
    .filter((line) => line.includes('"row"'))
    .map((line) => JSON.parse(line) as Decided)
    .filter((d) => d.device?.startsWith('gate-'));

/** `isReplaced`: the gateway is being stopped and started, so that connections may break. `lines`: the log of all gateways so far. */
export const startGatewayLoad = (
  port: number,
  lines: () => readonly string[],
  stage: () => string,
  isReplaced: () => boolean,
): GatewayLoad => {
  const failures: string[] = [];
  let running = true;
  let admitted = 0;
  let attempted = 0;
  let devices = 0;

  const connectOnce = async (name: string, store: { license: Uint8Array | null }): Promise<void> => {
    while (running) {
      const replacedBefore = isReplaced();
      try {
        const client = await connectToLicensing(port, name);
        await runLicenseExchange(client, name, store);
        client.disconnect();
        admitted += 1;
        return;
      } catch (error) {
        if (!replacedBefore && !isReplaced()) {
          failures.push(`${stage()}: ${name}: ${error instanceof Error ? error.message : String(error)}`);
          return;
        }
        await sleep(RECONNECT_MS);
      }
    }
  };
  const work = async (): Promise<void> => {
    while (running) {
      attempted += 1;
      const [name, store] = [`gate-${attempted}`, { license: null }];
      await connectOnce(name, store);
      if (store.license !== null) devices += 1;
      await sleep(PAUSE_MS);
      await connectOnce(name, store);
      await sleep(PAUSE_MS);
    }
  };
  const worker = work();
  const refusals = (): string[] =>
    decidedIn(lines())
      .filter((d) => d.code !== undefined || !ADMITTING_ROWS.has(d.row ?? ''))
      .map((d) => `${d.device}: ${d.row} ${d.code ?? ''}`);

  return {
    devices: () => devices,
    attempted: () => attempted,
    rows: () => {
      const counts: Record<string, number> = {};
      for (const { row = '' } of decidedIn(lines())) counts[row] = (counts[row] ?? 0) + 1;
      return counts;
    },
    settled: async () => {
      const enough = admitted + CONNECTIONS_PER_STAGE;
      await eventually('clients of the gateway are let in', () => failures.length > 0 || admitted >= enough, {
        withinMs: STAGE_TIMEOUT_MS,
      });
      const [first] = [...failures, ...refusals()];
      if (first !== undefined) throw new Error(`A client of the gateway was not let in: ${first}`);
    },
    stop: async () => {
      running = false;
      await worker;
    },
  };
};
