// The outbox: sends what is not answered yet, oldest first, again and again and ever more rarely.

import type { Clock } from '@calbus/runtime/clock';
import type { Log } from '@calbus/runtime/log';
import { endsEpoch } from '../domain/command.ts';
import { isDue, type SendAttempts } from '../domain/retry-schedule.ts';
import type { CommandLink, Store } from '../ports.ts';

export type Outbox = {
  /** Sends what is due. */
  readonly sendDue: () => Promise<void>;
  /** After a reconnect everything is due: what the last connection did not confirm may be lost. */
  readonly resetRetries: () => void;
};

export const createOutbox = (store: Store, outlet: CommandLink, clock: Clock, log: Log): Outbox => {
  const sendings = new Map<string, SendAttempts>();
  return {
    resetRetries: () => sendings.clear(),
    sendDue: async () => {
      if (!outlet.isUp()) return;
      const unprepared = new Set(store.unpreparedCommands().map((c) => c.commandId));
      let earlier = 0;
      for (const command of store.openCommands()) {
        const { commandId } = command;
        if (command.road !== 'automatic') continue;
        if (endsEpoch(command.request) && earlier > 0) break;
        earlier += 1;
        if (unprepared.has(commandId)) continue;
        const sending = sendings.get(commandId);
        if (!isDue(sending, clock.monotonic())) continue;
        const outcome = await outlet.send(command);
        sendings.set(commandId, { tries: (sending?.tries ?? 0) + 1, lastAt: clock.monotonic() });
        if (outcome === 'stored') store.markSent(commandId, clock.now());
        else log.warn({ commandId, outcome }, 'a command is not at the broker yet; it is sent again');
      }
    },
  };
};
