// A state machine for reservations of rooms: what a stranger would write to use the ledger. Rooms are reserved until a time; a job of the
// leader releases them.

import { z } from 'zod';
import type { LedgerPosition } from '../src/commit/command.ts';
import type { GroupCommit } from '../src/commit/command.ts';
import type { LeaderJob } from '../src/election/term.ts';
import { generationStarted, leadershipTaken } from '../src/records.ts';
import { emptyHead, type LedgerHead, type StateMachine } from '../src/state-machine.ts';

const reserved = z.object({
  kind: z.literal('reserved'),
  id: z.string(),
  room: z.string(),
  until: z.int(),
});
const released = z.object({ kind: z.literal('released'), room: z.string() });
const record = z.discriminatedUnion('kind', [generationStarted, leadershipTaken, reserved, released]);
export type RoomRecord = z.infer<typeof reserved> | z.infer<typeof released>;

export type Reservation = { readonly id: string; readonly until: number; readonly position: LedgerPosition };
export type Rooms = { head: LedgerHead; readonly rooms: Map<string, Reservation | null> };

/** Each value is replaced, never changed, so a copy of the small map is draft and frozen view at once. */
const copy = ({ head, rooms }: Rooms): Rooms => ({ head, rooms: new Map(rooms) });

export const reservations: StateMachine<Rooms, RoomRecord> = {
  foldVersion: 1,
  snapshotFormat: 1,
  kinds: record.options.map((o) => o.shape.kind.value),
  recordSchema: record,
  empty: () => ({ head: emptyHead, rooms: new Map() }),
  apply: ({ rooms }, r, { generation, sequence }) => {
    if (r.kind === 'reserved')
      rooms.set(r.room, { id: r.id, until: r.until, position: { generation, sequence } });
    if (r.kind === 'released') rooms.set(r.room, null);
  },
  draft: copy,
  freeze: (state) => {
    const { head, rooms } = copy(state);
    return {
      head,
      entries: () => [...rooms].map(([room, r]) => ['rooms', room, JSON.stringify(r)] as const),
    };
  },
  restorer: () => {
    const state: Rooms = { head: emptyHead, rooms: new Map() };
    return {
      add: ([table, room, value]) => {
        if (table !== 'rooms') throw new Error(`there is no table ${table}`);
        state.rooms.set(room, JSON.parse(value) as Reservation | null);
      },
      state: () => state,
    };
  },
  size: ({ rooms }) => rooms.size,
};

export type ReserveResult = 'reserved' | 'taken' | 'reserved before';
export type ReserveRequest = { readonly id: string; readonly room: string; readonly until: number };

/** Idempotent by the id of the request, as long as the reservation lasts. */
export const reserve = async (commit: GroupCommit<Rooms, RoomRecord>, request: ReserveRequest) =>
  await commit.submit<ReserveResult>(({ rooms }) => {
    const current = rooms.get(request.room);
    if (current) return { records: [], result: current.id === request.id ? 'reserved before' : 'taken' };
    return { records: [{ kind: 'reserved', ...request }], result: 'reserved' };
  });

/** Releases rooms whose time is over, every second of this clock. */
export const releaseJob =
  (sleep: (ms: number, over: AbortSignal) => Promise<void>): LeaderJob<Rooms, RoomRecord> =>
  async ({ commit }, over) => {
    for (await sleep(1_000, over); !over.aborted; await sleep(1_000, over))
      await commit.submit(({ rooms }, { at }) => {
        const due = [...rooms].filter(([, r]) => r && r.until <= at);
        return { records: due.map(([room]) => ({ kind: 'released', room }) as const), result: undefined };
      });
  };
