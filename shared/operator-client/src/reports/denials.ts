// Denials by code and terminal server: first refusals, which have a record each, and the counts of their repeats.

import { refusals, type RefusalCode } from '@calbus/contracts/refusals';

export type Denial = {
  readonly code: RefusalCode;
  readonly terminalServerId: string;
  readonly times: number;
  /** How many devices were denied. */
  readonly devices: number;
  readonly lastAt: number;
  readonly reason: string;
};

type Denied = {
  readonly code: RefusalCode;
  readonly terminalServerId: string;
  readonly hardwareId: string;
};

export const newDenialCounter = () => {
  const found = new Map<
    string,
    { denied: Denied; times: number; readonly devices: Set<string>; lastAt: number }
  >();
  return {
    add: (denied: Denied, times: number, at: number): void => {
      const key = `${denied.code} ${denied.terminalServerId}`;
      const kept = found.get(key) ?? { denied, times: 0, devices: new Set<string>(), lastAt: at };
      kept.times += times;
      kept.devices.add(denied.hardwareId);
      kept.lastAt = at;
      found.set(key, kept);
    },
    /** The most frequent first. */
    all: (): Denial[] =>
      [...found.values()]
        .map(({ denied: { code, terminalServerId }, times, devices, lastAt }) => {
          const reason = refusals[code].says;
          return { code, terminalServerId, times, devices: devices.size, lastAt, reason };
        })
        .sort((a, b) => b.times - a.times),
  };
};
