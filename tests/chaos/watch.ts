// Watching the site from outside while it is broken: who leads, and whether Redis has come back to the truth.

import { setTimeout as sleep } from 'node:timers/promises';
import { decode } from '@calbus/contracts/envelope';
import { leaderHeartbeat } from '@calbus/contracts/leader-heartbeat';
import { inventoryStatus, queryStatus } from '@calbus/contracts/inventory-status-messages';
import type { Body } from '@calbus/contracts/envelope';
import { subjects } from '@calbus/contracts/subjects';
import { AHEAD } from './cache.ts';
import type { CacheDump } from './checker/history.ts';
import type { Member } from './member.ts';
import type { Site } from './site.ts';

export type Watch = {
  /** The process that says of itself that it leads; of several the one of the latest term. */
  readonly leader: () => Member | undefined;
  readonly untilLed: (withinMs: number) => Promise<void>;
  /** Where the ledger stands, as last heard. */
  readonly sequence: () => number;
  /** Milliseconds until Redis stood at the ledger's place of now, or further; undefined where it took longer than `withinMs`. */
  readonly redisRepaired: (withinMs: number) => Promise<number | undefined>;
  /** What Redis held, each time at one moment. */
  readonly dumps: CacheDump[];
  /** While false, what Redis says is no evidence: a fault put it there. */
  believeRedis: boolean;
  readonly stop: () => void;
};

const SAMPLE_MS = 3_000;

const termOf = (m: Member): number => {
  let leads = 0;
  for (const line of m.life()?.lines() ?? []) {
    const taken = /"term":(\d+),.*"msg":"leading"/.exec(line)?.[1];
    if (taken !== undefined) leads = Number(taken);
    const over = /"term":(\d+),"msg":"not leading any more"/.exec(line)?.[1];
    if (over !== undefined && Number(over) === leads) leads = 0;
  }
  return leads;
};

export const watchSite = (site: Site): Watch => {
  const inventories = site.members.filter((m) => m.service === 'inventory');
  let sequence = 0;
  site.operator.nc.subscribe(subjects.inventory.heartbeat, {
    callback: (_error, m) => {
      const decoded = decode([leaderHeartbeat], m.data);
      if (decoded.ok) sequence = Math.max(sequence, decoded.message.body.sequence);
    },
  });
  const dumps: CacheDump[] = [];
  const watch: Watch = {
    leader: () => {
      const all = inventories.map((m) => ({ m, term: termOf(m) })).filter(({ term }) => term > 0);
      return all.toSorted((a, b) => b.term - a.term)[0]?.m;
    },
    untilLed: async (withinMs) => {
      const deadline = performance.now() + withinMs;
      while (!watch.leader() && performance.now() < deadline) await sleep(50);
    },
    sequence: () => sequence,
    redisRepaired: async (withinMs) => {
      const from = performance.now();
      const wanted = sequence;
      for (;;) {
        const there = await site.cache.sequence();
        const took = performance.now() - from;
        if (there !== undefined && there >= wanted && there < AHEAD) return took;
        if (took > withinMs) return undefined;
        await sleep(50);
      }
    },
    dumps,
    believeRedis: true,
    stop: () => clearInterval(timer),
  };
  let sampling = false;
  const sample = async (): Promise<void> => {
    if (sampling || !watch.believeRedis) return;
    sampling = true;
    const dump = await site.cache.dump();
    // A fault may have struck between the question and its answer.
    if (dump && watch.believeRedis) dumps.push(dump);
    sampling = false;
  };
  const timer = setInterval(() => void sample(), SAMPLE_MS);
  return watch;
};

export type ReplicaStatus = Body<typeof inventoryStatus>;

/** What each inventory says of itself once all of them stand at one place; what they say after `withinMs` otherwise. */
export const untilAgreed = async (site: Site, withinMs: number): Promise<readonly ReplicaStatus[]> => {
  const wanted = site.members.filter((m) => m.service === 'inventory').length;
  const deadline = performance.now() + withinMs;
  const latest = new Map<string, ReplicaStatus>();
  for (;;) {
    try {
      const subject = subjects.inventory.query('operator', 'status');
      const status = await site.operator.ask(subject, queryStatus, {}, inventoryStatus);
      latest.set(status.replica, status);
    } catch {
      await sleep(200); // nobody answers yet
    }
    const all = [...latest.values()];
    const agreed = all.length === wanted && new Set(all.map((s) => s.hash)).size === 1;
    if (agreed || performance.now() > deadline) return all;
    await sleep(20);
  }
};
