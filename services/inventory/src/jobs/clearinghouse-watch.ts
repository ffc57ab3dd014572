// Whether the liaison reaches the Clearinghouse, as far as the leader can tell by asking it now and then.

import type { Clock } from '@calbus/runtime/clock';
import type { LiaisonLink } from '../ports.ts';
import type { OperatorEvents } from '../projections/operator-events.ts';

const POLL_INTERVAL_MS = 15_000;
/** A link that is down for less is on its way back. */
const DOWN_TIMEOUT_MS = 60_000;

export const watchClearinghouse = async (
  liaison: Pick<LiaisonLink, 'look'>,
  events: Pick<OperatorEvents, 'setAlert'>,
  clock: Clock,
  over: AbortSignal,
): Promise<void> => {
  let downSince: number | undefined;
  while (!over.aborted) {
    await clock.sleep(POLL_INTERVAL_MS, over);
    if (over.aborted) return;
    const link = await liaison.look();
    // A liaison that does not answer says nothing of its link.
    if (link === undefined) continue;
    if (link === 'up') downSince = undefined;
    else downSince ??= clock.monotonic();
    const holds = downSince !== undefined && clock.monotonic() - downSince >= DOWN_TIMEOUT_MS;
    events.setAlert({ event: 'CLEARINGHOUSE_UNREACHABLE', about: 'the Clearinghouse', holds });
  }
};
