// Denials by code and terminal server. The ledger has a record of each first refusal, and counts of its repeats.

import { refusals, type RefusalCode } from '@calbus/contracts/refusals';

export type Denial = {
  readonly code: RefusalCode;
  readonly terminalServerId: string;
  readonly times: number;
  /** The number of devices that were denied. */
  readonly devices: number;
  readonly lastAt: number;
  readonly reason: string;
};

type Refusal = {
  readonly code: RefusalCode;
  readonly terminalServerId: string;
  readonly hardwareId: string;
};

export const newDenialCounter = () => {
  const found = new Map<
    string,
    { refusal: Refusal; times: number; readonly devices: Set<string>; lastAt: number }
  >();
  return {
    add: (refusal: Refusal, times: number, at: number): void => {
      const key = `${refusal.code} ${refusal.terminalServerId}`;
      const count = found.get(key) ?? { refusal, times: 0, devices: new Set<string>(), lastAt: at };
      count.times += times;
      count.devices.add(refusal.hardwareId);
      count.lastAt = at;
      found.set(key, count);
    },
    /** The most frequent first. */
    all: (): Denial[] =>
      [...found.values()]
        .map(({ refusal: { code, terminalServerId }, times, devices, lastAt }) => {
          const reason = refusals[code].says;
          return { code, terminalServerId, times, devices: devices.size, lastAt, reason };
        })
        .sort((a, b) => b.times - a.times),
  };
};
