// Terminal servers in this process: the library itself, over a bus in memory instead of NATS, in the time of the test.

import { decode, encode } from '@calbus/contracts/envelope';
import { fault } from '@calbus/contracts/faults';
import { terminalServerInbox } from '@calbus/contracts/identities';
import { subjects } from '@calbus/contracts/subjects';
import { trustRequest, trustSnapshot } from '@calbus/contracts/terminal-server-messages';
import type { Environment } from '@calbus/terminal-server/environment';
import type { Link, LinkState } from '@calbus/terminal-server/link';
import type { MemoryBus } from './bus.ts';
import type { ManualClock } from './clock.ts';
import type { LicenseServerProcess } from './license-server.ts';

/** The wire of one terminal server. */
export type Wire = { cut: boolean; readonly onRestored: Set<() => void> };

const away: LinkState = { kind: 'away', why: 'the wire is cut' };

export const memoryEnvironment = (
  bus: MemoryBus,
  clock: ManualClock,
  enqueue: LicenseServerProcess['enqueue'],
  wire: Wire,
): Environment => ({
  monotonic: clock.monotonic,
  sleep: clock.sleep,
  startTimer: clock.startTimer,
  startInterval: (ms, act) => {
    let cancel = (): void => {};
    const next = (): void => {
      cancel = clock.startTimer(ms, () => {
        next();
        act();
      });
    };
    next();
    return () => cancel();
  },
  openLink: ({ terminalServerId: id }, user): Link => {
    const nc = bus.connect(terminalServerInbox(id));
    let ignored = 0;
    const askForTrust = (): void => {
      if (!wire.cut)
        nc.publish(
          subjects.trust.request(id),
          encode(trustRequest, { id: 'trust', sentAt: clock.now() }, {}),
        );
    };
    const hear = (subject: string, take: (bytes: Uint8Array) => boolean): void => {
      nc.subscribe(subject, {
        callback: (_error, m) => {
          if (!wire.cut && !take(m.data)) ignored += 1;
        },
      });
    };
    hear(subjects.decision.to(id), user.decision);
    hear(subjects.trust.snapshot(id), (bytes) => {
      const decoded = decode([trustSnapshot], bytes);
      if (decoded.ok) user.trust(decoded.message.body);
      return decoded.ok;
    });
    hear(subjects.trust.changed, () => {
      askForTrust();
      return true;
    });
    const up = (): void => {
      askForTrust();
      user.up();
    };
    wire.onRestored.add(up);
    // After the caller has its link.
    queueMicrotask(() => wire.cut || up());
    return {
      enqueue: async (subject, bytes) => {
        if (wire.cut) return fault('UNREACHABLE');
        enqueue(subject, bytes);
        return undefined;
      },
      askForTrust,
      state: () => (wire.cut ? away : { kind: 'connected' }),
      gone: () => (wire.cut ? fault('UNREACHABLE', 'The wire is cut.') : undefined),
      tried: Promise.resolve(),
      ignored: () => ignored,
      close: async () => {
        wire.onRestored.delete(up);
        await nc.close();
      },
    };
  },
});
