// What must be true of a run. The stream is read by an own model, never by the ledger's own fold, which is compared with it.

import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { RoomRecord } from '../../example/reservations.ts';
import { NO_HASH, type Batch } from '../../src/records.ts';
import type { SimulatedNats } from '../simulated-nats.ts';
import type { Answered } from './answered.ts';
import type { ToyReplica } from './replica.ts';

export type ToyEvidence = {
  readonly nats: SimulatedNats;
  readonly answers: readonly Answered[];
  readonly replicas: readonly ToyReplica[];
  /** The request after all faults was answered. */
  readonly finished: boolean;
  /** By every wall clock, at the end. */
  readonly now: number;
};

type ModelReservation = { readonly id: string; readonly until: number };
type Model = {
  /** The reservations after each sequence. */
  readonly rooms: Map<string, ModelReservation>[];
  /** The ids that each sequence reserves; a later command of the same batch may release the room again. */
  readonly reserved: Map<number, Set<string>>;
  readonly voids: number[];
  readonly violations: string[];
  readonly hash: string;
};

const RELEASE_SLACK_MS = 3_000;

const parse = (bytes: Uint8Array): Batch<RoomRecord> | undefined => {
  try {
    return JSON.parse(Buffer.from(bytes).toString()) as Batch<RoomRecord>;
  } catch {
    return undefined;
  }
};

const readStream = ({ nats }: ToyEvidence): Model => {
  const m = {
    rooms: [new Map<string, ModelReservation>()],
    reserved: new Map<number, Set<string>>(),
    voids: [] as number[],
    violations: [] as string[],
  };
  let hash = NO_HASH;
  let time = 0;
  for (const { sequence, bytes } of nats.stored) {
    const rooms = new Map(m.rooms.at(-1));
    m.rooms.push(rooms);
    const batch = parse(bytes);
    if (batch?.prevHash !== hash) {
      m.voids.push(sequence);
      continue;
    }
    hash = createHash('sha256').update(bytes).digest('hex');
    if (batch.at < time) m.violations.push(`time: ledger time goes back at ${sequence}`);
    time = batch.at;
    for (const r of batch.records) {
      if (r.kind === 'reserved') {
        if (rooms.has(r.room)) m.violations.push(`state: ${r.room} is reserved twice at ${sequence}`);
        rooms.set(r.room, { id: r.id, until: r.until });
        m.reserved.set(sequence, (m.reserved.get(sequence) ?? new Set()).add(r.id));
      } else if (r.kind === 'released') {
        const held = rooms.get(r.room);
        if (!held || held.until > batch.at)
          m.violations.push(`state: ${r.room} is released early at ${sequence}`);
        rooms.delete(r.room);
      }
    }
  }
  return { ...m, hash };
};

const checkAnswer = (a: Answered, m: Model): string[] => {
  const { request, result, position, lastWhenAsked, lastWhenAnswered } = a;
  const what = `${result} to ${request.id} at ${position.sequence}`;
  if (position.sequence > lastWhenAnswered) return [`durability: ${what} left before it was stored`];
  // Other commands of the same batch may come before or after it.
  const { sequence } = position;
  const candidates = [sequence, sequence - 1].map((at) => m.rooms[at]?.get(request.room)?.id);
  const ids = [...candidates, ...(m.reserved.get(sequence) ?? [])];
  const isTrue = {
    reserved: m.reserved.get(sequence)?.has(request.id) === true,
    'reserved before': ids.includes(request.id),
    taken: ids.some((id) => id !== undefined && id !== request.id),
  }[result];
  if (!isTrue) return [`truth: ${what}, but the stream has ${candidates.join(' and ') || 'nobody'}`];
  const isFresh = result === 'reserved' || position.sequence >= lastWhenAsked;
  return isFresh ? [] : [`freshness: ${what} is older than the question, asked at ${lastWhenAsked}`];
};

const checkReplica = (p: ToyReplica, m: Model): string[] => {
  const follower = p.follower();
  if (!follower) return [`liveness: ${p.name} did not start`];
  if (follower.state.head.hash !== m.hash) return [`replica: ${p.name} is not at the end of the chain`];
  const rooms = [...follower.state.rooms].flatMap(([room, r]) => (r ? [[room, r.id] as const] : []));
  const expected = [...(m.rooms.at(-1) ?? [])].map(([room, r]) => [room, r.id] as const);
  return isDeepStrictEqual(new Map(rooms), new Map(expected)) ? [] : [`replica: ${p.name} has another state`];
};

const checkRelease = ({ replicas, now }: ToyEvidence, m: Model): string[] => {
  if (replicas.some((p) => p.isLeading() && p.isClockSuspect())) return [];
  return [...(m.rooms.at(-1) ?? [])]
    .filter(([, { until }]) => until + RELEASE_SLACK_MS < now)
    .map(([room]) => `job: ${room} is due and not released`);
};

export const check = (e: ToyEvidence): string[] => {
  const m = readStream(e);
  const leaders = e.replicas.filter((p) => p.isLeading()).length;
  return [
    ...m.violations,
    ...m.voids
      .filter((at) => !e.nats.garbage.has(at))
      .map((at) => `chain: message ${at} of a leader is VOID`),
    ...e.answers.flatMap((a) => checkAnswer(a, m)),
    ...e.replicas.flatMap((p) => checkReplica(p, m)),
    ...checkRelease(e, m),
    ...(leaders === 1 ? [] : [`leadership: ${leaders} replicas lead after all faults`]),
    ...(e.finished ? [] : ['liveness: the last request is not answered']),
  ];
};
