// Whether this license server is a copy that was put aside: the Clearinghouse has told the liaison, which the leader asks now and then.

import type { Clock } from '@calbus/runtime/clock';
import { identityOf, type State } from '../state/state.ts';
import type { LiaisonLink } from '../ports.ts';
import type { OperatorEvents } from '../projections/operator-events.ts';

const POLL_INTERVAL_MS = 5_000;

export const watchClones = async (
  liaison: Pick<LiaisonLink, 'superseded'>,
  state: Pick<State, 'head'>,
  events: Pick<OperatorEvents, 'setAlert'>,
  clock: Clock,
  over: AbortSignal,
): Promise<void> => {
  while (!over.aborted) {
    await clock.sleep(POLL_INTERVAL_MS, over);
    if (over.aborted) return;
    const holds = await liaison.superseded();
    if (holds === undefined) continue;
    const about = `the license server, epoch ${identityOf(state.head).epoch}`;
    events.setAlert({ event: 'CLONE', about, holds });
  }
};
