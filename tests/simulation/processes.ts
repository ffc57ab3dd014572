// The processes of a simulated calbus, made of the services' own handlers: inventories, issuers, and terminal servers that
// ask and ask again as the library does.

import { encode, type Message } from '@calbus/contracts/envelope';
import { fault, FaultError } from '@calbus/contracts/faults';
import { inventoryAllocate, type AllocationAnswer } from '@calbus/contracts/inventory-messages';
import type { LicenseFacts } from '@calbus/contracts/license';
import { subjects } from '@calbus/contracts/subjects';
import { licenseRequest, licenseValidated } from '@calbus/contracts/terminal-server-messages';
import type { Clock } from '@calbus/runtime/clock';
import type { Log } from '@calbus/runtime/log';
import type { Answer } from '@calbus/runtime/respond';
import { allocate } from '../../services/inventory/src/handlers/allocate.ts';
import { watchClock } from '../../services/inventory/src/handlers/clock-watch.ts';
import { createFollower, type Follower } from '../../services/inventory/src/handlers/follow.ts';
import { pace, startLeadership, type Leading } from '../../services/inventory/src/handlers/leadership.ts';
import type { Witnesses } from '../../services/inventory/src/handlers/witnesses.ts';
import { handleBatch } from '../../services/issuer/src/handlers/requests.ts';
import type { Ledger } from '../../services/inventory/src/ports.ts';
import type { Mutation } from './mutations.ts';
import type { Actor, Chance, Scheduler } from './scheduler.ts';
import type { Nats, Wire } from './servers.ts';
import type { newRedis } from './servers.ts';

export type World = {
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly nats: Nats;
  readonly redis: ReturnType<typeof newRedis>;
  readonly log: Log;
  readonly mutation: Mutation;
  readonly newId: () => string;
  /** A leader answered from a state that was behind the ledger when it was asked. */
  readonly stale: (what: string) => void;
  /** What a leader does once, as soon as it leads an empty license server. */
  readonly setUp: (leading: Leading, follower: Follower) => void;
};

export type Process = {
  readonly name: string;
  actor: Actor;
  wire: Wire;
  /** Of its wall clock, in milliseconds. */
  wallOffset: number;
  start: () => void;
};

type Head = { readonly term: number; readonly generation: string; readonly sequence: number };

const newProcess = (w: World, name: string, life: (p: Process, clock: Clock) => void): Process => {
  const p: Process = {
    name,
    actor: w.scheduler.actor(name),
    wire: { cut: false, slowBy: 0 },
    wallOffset: 0,
    start: () => {
      p.actor = w.scheduler.actor(name);
      p.wire = { cut: false, slowBy: 0 };
      life(
        p,
        w.scheduler.clock(p.actor, () => p.wallOffset),
      );
    },
  };
  return p;
};

const BEACON = 250;
/** Rows that are answered from the state, without a record. */
const unrecorded: ReadonlySet<string> = new Set(['D13', 'D8', 'D7', 'D2n', 'U1']);

/** The simulated ledger keeps what it has stored. */
const noLoss = (follower: Follower): Witnesses => ({
  examine: async () => {
    await follower.catchUp();
    return [];
  },
  follow: () => Promise.resolve(),
  watch: () => Promise.resolve(),
  agrees: () => Promise.resolve(true),
  ended: Promise.resolve(),
});

export type Inventory = Process & { readonly leading: () => boolean; readonly follower: () => Follower };

export const newInventory = (w: World, name: string): Inventory => {
  let isLeading = (): boolean => false;
  let current: Follower | undefined;
  const p = newProcess(w, name, (p, clock) => {
    const { actor, wire } = p;
    const { mutation, nats } = w;
    const real = nats.ledgerOf(actor, wire);
    // A mutation may need the follower, which reads through the ledger.
    let ledger: Ledger = real;
    const follower = createFollower(
      { append: real.append, readFrom: (from) => ledger.readFrom(from) },
      w.log,
    );
    current = follower;
    ledger = mutation.ledger?.(real, follower, nats) ?? real;
    const every = (ms: number, act: () => void): void =>
      w.scheduler.after(ms, actor, () => {
        act();
        every(ms, act);
      });
    const cache = w.redis.cacheOf(follower.state, every);
    const watch = watchClock(clock, w.log);
    const signal = new AbortController().signal;
    const replica = w.newId();
    const onLead = (leading: Leading): (() => void) => {
      mutation.onLead?.(follower);
      w.setUp(leading, follower);
      const { term, commit, repeats, events } = leading;
      const deps = { commit, repeats, notice: events.raise };
      const subject = mutation.subjectOf?.(term) ?? subjects.inventory.allocate(term);
      const stop = nats.answerOn(actor, wire, subject, async (m) => {
        const head = nats.head();
        const answer = await allocate(deps, m as Message<typeof inventoryAllocate>);
        for (const { requestId, row, position } of (answer.body as { items: AllocationAnswer[] }).items)
          if (unrecorded.has(row) && position.sequence < head)
            w.stale(
              `${name} answered ${requestId} (${row}) at ${position.sequence}, asked when the ledger stood at ${head}`,
            );
        return answer;
      });
      let over = false;
      const beat = (): void => {
        if (over) return;
        const { generation, sequence } = follower.state.head;
        nats.beacon(wire, { term, generation, sequence } satisfies Head);
        w.scheduler.after(BEACON, actor, beat);
      };
      beat();
      return () => {
        over = true;
        // A stale leader that still answers is what the term in the subject is for.
        if (!mutation.subjectOf) stop();
      };
    };
    const leadership = startLeadership({
      ledger,
      follower,
      cache: mutation.cache?.(cache, w.redis) ?? cache,
      clock: mutation.clock?.(clock) ?? clock,
      dice: { id: w.newId, between: w.chance.between },
      log: w.log,
      key: nats.leaderKeyOf(actor, wire),
      pace: mutation.pace ?? pace,
      watch,
      replica,
      signal,
      storageNearlyFull: () => false,
      putEvent: () => {},
      onLead,
      witnesses: noLoss(follower),
      onLoss: () => () => {},
    });
    isLeading = () => actor.state === 'runs' && leadership.leading() !== undefined;
  });
  return Object.assign(p, {
    leading: (): boolean => isLeading(),
    follower: (): Follower => {
      if (!current) throw new Error(`${name} was never started`);
      return current;
    },
  });
};

/** What crosses the wire is a copy, as bytes would be. */
const copyOf = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

const LANES = 2;
const MOST = 16;

/** `decided` sees every decision as it leaves. */
export const newIssuer = (
  w: World,
  name: string,
  decided: (subject: string, body: unknown, p: Process) => void,
): Process =>
  newProcess(w, name, (p, clock) => {
    const { actor, wire } = p;
    const { nats } = w;
    let head: (Head & { readonly heard: number }) | undefined;
    nats.hear(actor, wire, (body) => {
      const heard = body as Head;
      const quiet = head !== undefined && clock.monotonic() - head.heard > 2_000;
      if (!head || heard.term >= head.term || quiet) head = { ...heard, heard: clock.monotonic() };
    });
    const inventory = {
      position: () => head && { generation: head.generation, sequence: head.sequence },
      allocate: async (items: readonly unknown[]): Promise<readonly AllocationAnswer[]> => {
        if (!head) throw new FaultError(fault('NO_LEADER'));
        const subject = w.mutation.subjectOf?.(head.term) ?? subjects.inventory.allocate(head.term);
        const message = { body: { items: copyOf(items) } };
        const answer = (await nats.ask(actor, wire, subject, message, 3_000)) as Answer;
        return copyOf((answer.body as { items: AllocationAnswer[] }).items);
      },
    };
    const send = (terminalServerId: string, requestId: string, body: unknown): void => {
      // The bytes of a decision, not its object: what a terminal server keeps is nobody else's.
      const copy: unknown = copyOf(body);
      decided(subjects.decision.of(terminalServerId, requestId), copy, p);
    };
    const deps = {
      clock,
      log: w.log,
      dead: { put: () => Promise.resolve(true) },
      inventory,
      terminalServers: {
        decide: (d: { terminalServerId: string; requestId: string }) =>
          send(d.terminalServerId, d.requestId, d),
        fault: (f: { terminalServerId: string; requestId: string }) =>
          send(f.terminalServerId, f.requestId, { ...f, fault: true }),
      },
      // The signature is not what is tried here: the license is its facts.
      signer: {
        sign: (facts: LicenseFacts) => JSON.stringify(facts),
        check: () => ({ ok: false as const, why: 'none is presented' }),
      },
    };
    const lane = async (): Promise<void> => {
      for (;;) {
        try {
          const batch = await nats.fetch(actor, wire, MOST, () => p.wallOffset);
          if (batch.length > 0) await handleBatch(deps, batch);
        } catch {
          await clock.sleep(500);
        }
      }
    };
    for (let n = 0; n < LANES; n += 1) void lane();
  });

export type Ask =
  | {
      readonly kind: 'license';
      readonly requestId: string;
      readonly device: string;
      readonly mode: 'per-device' | 'per-user';
      readonly version: '2003' | '2008';
    }
  | {
      readonly kind: 'validated';
      readonly requestId: string;
      readonly device: string;
      readonly licenseId: string;
    };

export const WAITS = 8_000;

/** Publishes a request now, at 0.8 s and at 1.8 s, as the library does. */
export const publish = (w: World, ts: Process, ask: Ask): void => {
  const stamp = { id: w.newId(), sentAt: 0, correlationId: ask.requestId };
  const { requestId } = ask;
  const bytes =
    ask.kind === 'license'
      ? encode(licenseRequest, stamp, {
          requestId,
          waitsMs: WAITS,
          mode: ask.mode,
          version: ask.version,
          device: { hardwareId: ask.device, name: 'desk' },
          ...(ask.mode === 'per-user' ? { user: { name: 'ann', domain: 'd', authenticatedBy: 'pam' } } : {}),
        })
      : encode(licenseValidated, stamp, {
          requestId,
          waitsMs: WAITS,
          licenseId: ask.licenseId,
          hardwareId: ask.device,
        });
  const subject =
    ask.kind === 'license' ? subjects.license.request(ts.name) : subjects.license.validated(ts.name);
  const { actor, wire } = ts;
  for (const at of [0, 800, 1_800])
    w.scheduler.after(at, actor, () => {
      w.nats.enqueue(actor, wire, subject, bytes).catch(() => undefined);
    });
};

export const newTerminalServer = (w: World, name: string): Process => newProcess(w, name, () => {});
