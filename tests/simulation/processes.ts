// The processes of a simulated calbus, made of the services' own handlers and of the library that a terminal server embeds.

import { encode, type Message } from '@calbus/contracts/envelope';
import type { DecisionFacts } from '@calbus/contracts/explain-messages';
import { fault, FaultError } from '@calbus/contracts/faults';
import { inventoryAllocate, type Allocation, type Outcome } from '@calbus/contracts/allocation-messages';
import { claimsOf, type LicenseFacts } from '@calbus/contracts/license';
import { subjects } from '@calbus/contracts/subjects';
import {
  licenseDecision,
  licenseDecisions,
  licenseFault,
  licenseRequest,
  licenseValidated,
} from '@calbus/contracts/terminal-server-messages';
import type { Clock } from '@calbus/runtime/clock';
import { createEndpoints } from '@calbus/runtime/endpoints';
import { createLeaderTracker, type LeaderHeartbeat } from '@calbus/inventory-client/leader-heartbeat';
import type { Log } from '@calbus/runtime/log';
import { createMetrics } from '@calbus/runtime/metrics';
import type { Answer } from '@calbus/runtime/responder';
import {
  createRequestClient,
  type RequestClient,
  type Decision,
  type StartTimer,
} from '@calbus/terminal-server/request-client';
import { redisCache } from '../../services/inventory/src/projections/redis-cache.ts';
import { traceRules } from '../../services/inventory/src/explain/rule-trace.ts';
import { allocate } from '../../services/inventory/src/api/allocate.ts';
import { watchClock } from '../../services/inventory/src/handlers/clock-watch.ts';
import { createFollower, type Follower } from '../../services/inventory/src/handlers/follow.ts';
import {
  pace,
  startLeadership,
  type LeadershipDeps,
  type Leading,
} from '../../services/inventory/src/handlers/leadership.ts';
import { keepSnapshots } from '../../services/inventory/src/handlers/snapshots.ts';
import { startingPoint } from '../../services/inventory/src/handlers/starting-point.ts';
import type { Restoring } from '../../services/inventory/src/handlers/restore.ts';
import type { Witnesses } from '../../services/inventory/src/handlers/witnesses.ts';
import { issuerMetrics } from '../../services/issuer/src/adapters/metrics.ts';
import type { RequestDeps } from '../../services/issuer/src/handlers/queued-request.ts';
import { handleBatch } from '../../services/issuer/src/handlers/requests.ts';
import type { Ledger, SnapshotStore } from '../../services/inventory/src/ports.ts';
import type { Mutation } from './mutations.ts';
import type { Redis } from './redis.ts';
import type { Actor, Chance, Scheduler } from './scheduler.ts';
import { goodWire, type Nats, type Wire } from './servers.ts';

export type World = {
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly nats: Nats;
  readonly redis: Redis;
  readonly snapshots: SnapshotStore;
  readonly logOf: (process: string) => Log;
  readonly mutation: Mutation;
  readonly newId: () => string;
  /** Something that must never be, seen while it happened. */
  readonly wrong: (what: string) => void;
  /** What a leader does once, as soon as it leads an empty license server. */
  readonly setUp: (leading: Leading, follower: Follower) => void;
  /** Starts again what has ended; nothing happens to it. */
  readonly supervisor: Actor;
};

export type Process = {
  readonly name: string;
  actor: Actor;
  readonly wire: Wire;
  /** Inventory reads and writes the ledger and the leader's key as another identity, over a connection of its own. */
  readonly ledgerWire: Wire;
  readonly redisWire: Wire;
  /** Of its wall clock, in milliseconds. */
  wallOffset: number;
  start: () => void;
  /** What SIGTERM does. */
  stop: () => void;
};

const newProcess = (
  w: World,
  name: string,
  life: (p: Process, clock: Clock, signal: AbortSignal) => void,
): Process => {
  let end = new AbortController();
  const p: Process = {
    name,
    actor: w.scheduler.actor(name),
    wire: goodWire(),
    ledgerWire: goodWire(),
    redisWire: goodWire(),
    wallOffset: 0,
    start: () => {
      p.actor = w.scheduler.actor(name);
      end = new AbortController();
      life(
        p,
        w.scheduler.clock(p.actor, () => p.wallOffset),
        end.signal,
      );
    },
    stop: () => end.abort(),
  };
  return p;
};

const BEACON = 250;
const KEEP_QUEUE = 2_000;
const SNAPSHOT_EVERY = 12;
/** Rows that are answered from the state, without a record. */
const unrecorded: ReadonlySet<string> = new Set(['D13', 'D8', 'D7', 'D2n', 'U1']);

const nothingToRestore: Restoring = {
  evidence: () => Promise.resolve([]),
  take: () => Promise.reject(new FaultError(fault('NOT_LEADER'))),
};

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

export type Inventory = Process & {
  readonly leading: () => boolean;
  /** What leads, as an operator's command meets it. */
  readonly lead: () => Leading | undefined;
  /** Undefined while it starts. */
  readonly follower: () => Follower | undefined;
  readonly clockSuspect: () => boolean;
};

type Command = { readonly message: Message<typeof inventoryAllocate>; readonly term: number };

export const newInventory = (w: World, name: string): Inventory => {
  let now:
    | { readonly actor: Actor; readonly follower: Follower; readonly lead: () => Leading | undefined }
    | undefined;
  let clockSuspect = (): boolean => false;

  const serve = (p: Process, actor: Actor, own: LeadershipDeps) => {
    const { mutation, nats } = w;
    const { follower, replica } = own;
    return (given: Leading): (() => void) => {
      const leading = mutation.onLead?.(given, own) ?? given;
      w.setUp(leading, follower);
      const { term, commit, refusalCounter, events } = leading;
      const decided = (facts: DecisionFacts): void => {
        if (!traceRules(facts).agrees)
          w.wrong(`explain: the tables do not come to ${facts.row} on what ${facts.asked.requestId} saw`);
      };
      const deps = { commit, refusalCounter, notice: events.raiseRateLimited, logDecision: decided };
      const subject = mutation.subjectOf?.(term) ?? subjects.inventory.allocate(term);
      const stop = nats.answerOn(actor, p.wire, subject, async (m) => {
        const head = nats.lastOwn();
        const { message, term: asked } = m as Command;
        const answer = await allocate(deps, message);
        if (asked !== term) w.wrong(`leadership: a command of term ${asked} was decided in term ${term}`);
        for (const { requestId, row, position } of (answer.body as { items: Outcome[] }).items)
          if (unrecorded.has(row) && position.sequence < head)
            w.wrong(
              `I4: ${name} answered ${requestId} (${row}) as of ${position.sequence}, asked when the ledger stood at ${head}`,
            );
        return answer;
      });
      let over = false;
      const beat = (): void => {
        if (over) return;
        const { generation, sequence, hash, time, trustRevision } = follower.state.head;
        nats.publish(p.wire, subjects.inventory.heartbeat, {
          term,
          replica,
          generation,
          sequence,
          hash,
          time,
          trustRevision,
        } satisfies LeaderHeartbeat);
        w.scheduler.after(BEACON, actor, beat);
      };
      beat();
      return () => {
        over = true;
        stop();
      };
    };
  };

  const life = async (p: Process, clock: Clock, signal: AbortSignal): Promise<void> => {
    const { actor, wire, ledgerWire } = p;
    const { mutation, nats } = w;
    const log = w.logOf(name);
    const replica = w.newId();
    const real = nats.ledgerOf(actor, ledgerWire);
    // A mutation may need the follower, which reads through the ledger.
    let ledger: Ledger = real;
    const reading: Ledger = { append: real.append, readFrom: (from) => ledger.readFrom(from) };
    const from = await startingPoint(w.snapshots, reading, log);
    const follower = createFollower(reading, log, { from, snapshotEvery: SNAPSHOT_EVERY });
    ledger = mutation.ledger?.(real, follower, nats) ?? real;
    const scripts = w.redis.scriptsOf(actor, p.redisWire);
    const cache = redisCache(mutation.scripts?.(scripts) ?? scripts, follower.state, clock, log, signal);
    const watch = watchClock(clock, log);
    await follower.catchUp();
    const deps: LeadershipDeps = {
      ledger,
      follower,
      cache,
      clock,
      dice: { id: w.newId, between: w.chance.between },
      log,
      key: nats.leaderKeyOf(actor, ledgerWire),
      pace,
      watch,
      replica,
      signal,
      storageNearlyFull: () => false,
      putEvent: () => {},
      onLead: (leading) => serve(p, actor, deps)(leading),
      witnesses: noLoss(follower),
      restoring: nothingToRestore,
      liaison: { look: () => Promise.resolve(undefined), superseded: () => Promise.resolve(undefined) },
      onLoss: () => () => {},
    };
    const leadership = startLeadership({ ...deps, ...mutation.leadership?.(deps) });
    const isLeading = (): boolean => leadership.leading() !== undefined;
    void keepSnapshots({ store: w.snapshots, follower, clock, log, replica, isLeader: isLeading, signal });
    now = { actor, follower, lead: leadership.leading };
    clockSuspect = () => watch.look(follower.state.head.time).length > 0;
    while (!signal.aborted) {
      await nats.keepQueue(actor, wire).catch(() => undefined);
      await clock.sleep(KEEP_QUEUE, signal);
    }
  };

  const p = newProcess(w, name, (p, clock, signal) => {
    now = undefined;
    const { actor } = p;
    // A service that cannot start ends, and is started again by whoever started it.
    life(p, clock, signal).catch(() => {
      w.scheduler.kill(actor);
      w.scheduler.after(500, w.supervisor, () => {
        if (p.actor === actor) p.start();
      });
    });
  });
  return Object.assign(p, {
    lead: (): Leading | undefined => (now?.actor.state === 'runs' ? now.lead() : undefined),
    leading: (): boolean => now?.actor.state === 'runs' && now.lead() !== undefined,
    follower: (): Follower | undefined => now?.follower,
    clockSuspect: (): boolean => clockSuspect(),
  });
};

/** What crosses the wire is a copy, as bytes would be. */
const copyOf = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/** Not a signature, which is not what is tried here: the claims, where a signed license has them. */
const signed = (facts: LicenseFacts): string =>
  `unsigned.${Buffer.from(JSON.stringify(claimsOf(facts))).toString('base64url')}.unsigned`;

/** Nobody looks at them: one for all issuers of a simulation. */
const counts = issuerMetrics(createMetrics(), createEndpoints());

const LANES = 2;
const MOST = 16;

/** `decided` sees every decision as it leaves. */
export const newIssuer = (w: World, name: string, decided: (decision: Decision) => void): Process =>
  newProcess(w, name, (p, clock, signal) => {
    const { actor, wire } = p;
    const { nats, mutation } = w;
    const book = createLeaderTracker(clock);
    nats.subscribe(actor, wire, subjects.inventory.heartbeat, (body) => book.record(body as LeaderHeartbeat));
    const askLeader = async (items: readonly Allocation[]): Promise<readonly Outcome[]> => {
      const { term } = book.leader();
      const subject = mutation.subjectOf?.(term) ?? subjects.inventory.allocate(term);
      let forget: () => void = () => {};
      const next = new Promise<never>((_resolve, reject) => {
        forget = book.onLeaderChange(() => reject(new FaultError(fault('NOT_LEADER'))));
      });
      const command = { message: { body: { items: copyOf(items) } }, term };
      const asked = nats.ask(actor, wire, subject, command, 3_000);
      const answer = (await Promise.race([asked, next]).finally(forget)) as Answer;
      return copyOf((answer.body as { items: Outcome[] }).items);
    };
    const stamp = () => ({ id: w.newId(), sentAt: 0 });
    const tell = (terminalServerId: string, bytes: Uint8Array): void =>
      nats.publish(wire, subjects.decision.to(terminalServerId), bytes);
    const deps: RequestDeps = {
      counts,
      clock,
      log: w.logOf(name),
      dead: { put: () => Promise.resolve(true) },
      inventory: {
        position: () => {
          const h = book.latest();
          return h && { generation: h.generation, sequence: h.sequence };
        },
        allocate: askLeader,
      },
      terminalServers: {
        publishDecisions: (decisions, { together }) => {
          for (const d of decisions) decided(copyOf(d));
          const [first] = decisions;
          if (first && together)
            tell(first.terminalServerId, encode(licenseDecisions, stamp(), { decisions: [...decisions] }));
          else for (const d of decisions) tell(d.terminalServerId, encode(licenseDecision, stamp(), d));
        },
        publishFault: (f) => tell(f.terminalServerId, encode(licenseFault, stamp(), f)),
      },
      signer: {
        sign: (facts) => ({ license: signed(facts), fresh: true }),
        signBatch: () => undefined,
        verify: () => ({ ok: false, why: 'none is presented' }),
      },
    };
    const lane = async (): Promise<void> => {
      while (!signal.aborted) {
        try {
          const batch = await nats.fetch(actor, wire, MOST, () => p.wallOffset);
          if (batch.length > 0) await handleBatch(deps, batch);
        } catch {
          await clock.sleep(500, signal);
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
      readonly validatedLicenseId?: string;
    }
  | {
      readonly kind: 'validated';
      readonly requestId: string;
      readonly device: string;
      readonly licenseId: string;
    };

export const WAITS = 8_000;

const bytesOf = (ask: Ask, id: string): Uint8Array => {
  const { requestId, device } = ask;
  const stamp = { id, sentAt: 0, correlationId: requestId };
  if (ask.kind === 'validated') {
    const { licenseId } = ask;
    return encode(licenseValidated, stamp, { requestId, waitsMs: WAITS, licenseId, hardwareId: device });
  }
  const { mode, version, validatedLicenseId } = ask;
  return encode(licenseRequest, stamp, {
    requestId,
    waitsMs: WAITS,
    mode,
    version,
    device: { hardwareId: device, name: 'desk' },
    ...(mode === 'per-user' ? { user: { name: 'ann', domain: 'd', authenticatedBy: 'pam' } } : {}),
    ...(validatedLicenseId === undefined ? {} : { validatedLicenseId }),
  });
};

export type TerminalServer = Process & {
  /** Resolves with the decision; rejects with a fault. */
  readonly ask: (ask: Ask) => Promise<Decision>;
  readonly reconnected: () => void;
};

export const newTerminalServer = (w: World, name: string): TerminalServer => {
  let asking: RequestClient | undefined;
  const p = newProcess(w, name, ({ actor, wire }) => {
    const enqueue = (subject: string, bytes: Uint8Array) => w.nats.enqueue(actor, wire, subject, bytes);
    const later: StartTimer = (ms, act) => w.scheduler.after(ms, actor, act);
    const library = createRequestClient(enqueue, later, WAITS);
    w.nats.subscribe(actor, wire, subjects.decision.to(name), (bytes) => {
      if (!library.receive(bytes as Uint8Array)) w.wrong('garbage came to a terminal server');
    });
    asking = library;
  });
  const subjectOf = ({ kind }: Ask): string =>
    kind === 'license' ? subjects.license.request(name) : subjects.license.validated(name);
  return Object.assign(p, {
    ask: (ask: Ask): Promise<Decision> => {
      if (!asking) throw new Error(`${name} was never started`);
      const bytes = bytesOf(ask, w.newId());
      return asking.ask({ subject: subjectOf(ask), requestId: ask.requestId, bytes: () => bytes });
    },
    reconnected: (): void => asking?.reconnected(),
  });
};
