// Whether this license server is a copy that was put aside: the Clearinghouse has told the liaison, which the leader asks now and then.

import type { Clock } from '@calbus/runtime/clock';
import { identityOf, type State } from '../domain/state.ts';
import type { LiaisonLink } from '../ports.ts';
import type { EventBook } from './events.ts';

const LOOK_MS = 5_000;

export const watchClones = async (
  liaison: Pick<LiaisonLink, 'superseded'>,
  state: Pick<State, 'head'>,
  events: Pick<EventBook, 'tell'>,
  clock: Clock,
  over: AbortSignal,
): Promise<void> => {
  while (!over.aborted) {
    await clock.sleep(LOOK_MS, over);
    if (over.aborted) return;
    const holds = await liaison.superseded();
    if (holds === undefined) continue;
    const about = `the license server, epoch ${identityOf(state.head).epoch}`;
    events.tell({ event: 'CLONE', about, holds });
  }
};
