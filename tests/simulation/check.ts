// What must be true of a story, whatever happened in it. The ledger is read twice, by the audit's rules and by the chaos suite's
// fold, and never by the service's own, which is in turn compared with them.

import { poolCounts } from '../../services/inventory/src/state/pools.ts';
import { createAudit } from '@calbus/audit/audit';
import type { Decision } from '@calbus/terminal-server/request-client';
import { isDeepStrictEqual } from 'node:util';
import { check as checkHistory } from '../chaos/checker/check.ts';
import { pools, type Fold } from '../chaos/checker/fold.ts';
import type { Asked as AskedBefore, History } from '../chaos/checker/history.ts';
import { WAITS, type Ask, type Inventory } from './processes.ts';
import type { Dump } from './redis.ts';
import type { Nats } from './servers.ts';

/** One decision as it left an issuer. */
export type Given = {
  readonly decision: Decision;
  readonly at: number;
  /** The ledger's last sequence at that moment. */
  readonly head: number;
};

export type Asked = {
  readonly ask: Ask;
  readonly by: string;
  /** The ledger's last sequence when it was first asked. */
  readonly headThen: number;
  /** Each call of the library under this request id: how long it took, and how it ended. */
  readonly calls: { readonly from: number; took: number | undefined; ended: string }[];
};

export type Evidence = {
  readonly nats: Nats;
  readonly given: readonly Given[];
  readonly asked: ReadonlyMap<string, Asked>;
  /** What was asked when all was well again. */
  readonly last: readonly string[];
  readonly inventories: readonly Inventory[];
  readonly dumps: readonly Dump[];
  /** By every wall clock, at the end. */
  readonly now: number;
};

const HOUR = 3_600_000;
/** A leader looks for what is due every five seconds. */
const DUE_SLACK = 8_000;

const asHistory = ({ nats, given, asked, dumps }: Evidence): History => ({
  ledger: nats.stored,
  dumps,
  clocksMoved: true,
  answers: given.map(({ decision, at }) => ({ decision, heardAt: at })),
  asked: new Map(
    [...asked].map(([id, { ask, by: terminalServerId }]): [string, AskedBefore] => {
      const { device: hardwareId } = ask;
      if (ask.kind === 'validated')
        return [id, { kind: 'report', terminalServerId, licenseId: ask.licenseId, hardwareId }];
      const { mode, version } = ask;
      const authenticated = mode === 'per-user';
      return [id, { kind: 'license', terminalServerId, mode, version, hardwareId, authenticated }];
    }),
  ),
});

/** What was answered from the state was true when it was asked, or later. */
const stale = ({ given, asked }: Evidence, f: Fold): string[] =>
  given.flatMap(({ decision: { requestId, row, position, outcome } }) => {
    const then = asked.get(requestId)?.headThen ?? 0;
    const recorded = f.recorded.has(requestId) || (outcome.kind === 'refused' && row !== 'N3');
    const fresh = recorded || row === 'N3' || position.sequence >= then;
    return fresh
      ? []
      : [`I4: ${requestId} (${row}) is as of ${position.sequence}, asked when the ledger stood at ${then}`];
  });

const early = ({ given }: Evidence): string[] =>
  given.flatMap(({ decision: { requestId, row, position }, head }) =>
    position.sequence > head
      ? [`I5: ${requestId} (${row}) left before ${position.sequence} was stored, which it names`]
      : [],
  );

const unanswered = ({ asked, last }: Evidence): string[] =>
  [...asked.values()].flatMap(({ ask: { requestId }, calls }) =>
    calls.flatMap(({ took, ended }) => {
      if (took === undefined) return [`liveness: ${requestId} was never answered`];
      if (took > WAITS) return [`liveness: ${requestId} was answered after ${took} ms (${ended})`];
      if (last.includes(requestId) && ended !== 'a decision is heard')
        return [`liveness: ${requestId} ended with ${ended}, though all was well again`];
      return [];
    }),
  );

/** Every replica has read the same ledger, and come to the same counts. */
const replicas = ({ inventories, nats }: Evidence, f: Fold): string[] => {
  const wrong = inventories.flatMap((i) => {
    const follower = i.follower();
    if (!follower) return [`liveness: ${i.name} did not start`];
    const { sequence, hash } = follower.state.head;
    if (sequence !== f.sequence || hash !== f.hash)
      return [`I10: ${i.name} stands at ${sequence}, the ledger at ${f.sequence}`];
    // A leader reads on only when it has something to append.
    const voids = f.voids.filter((at) => at <= follower.tail()).length;
    if (follower.voids() !== voids)
      return [`I10: ${i.name} has skipped ${follower.voids()} messages, ${voids} are VOID`];
    return isDeepStrictEqual(poolCounts(follower.state), pools(f))
      ? []
      : [`I1: ${i.name} counts ${JSON.stringify(poolCounts(follower.state))}`];
  });
  for (const at of f.voids)
    if (!nats.garbage.has(at)) wrong.push(`I10: message ${at} is VOID, and a leader has sent it`);
  return wrong;
};

const leadership = ({ inventories, now }: Evidence, f: Fold): string[] => {
  const leaders = inventories.filter((i) => i.leading());
  if (leaders.length !== 1) return [`leadership: ${leaders.length} lead when all is well again`];
  if (leaders.some((l) => l.clockSuspect())) return [];
  return [...f.licenses.values()]
    .filter((l) => l.kind === 'full' && !l.over && l.notAfter + HOUR + DUE_SLACK < now)
    .map((l) => `I1: the CAL of ${l.licenseId} is due since ${now - l.notAfter - HOUR} ms and not returned`);
};

export const check = (e: Evidence): string[] => {
  const audit = createAudit();
  for (const message of e.nats.stored) audit.take(message);
  const verdict = checkHistory(asHistory(e));
  const { fold } = verdict;
  const end = e.dumps.at(-1)?.head['sequence'];
  return [
    ...verdict.violations.map((v) => `${v.invariant}: ${v.detail}`),
    ...audit.violations.first.map((v) => `${v.invariant} at ${v.sequence}: ${v.says}`),
    // Two earlier messages that are put in again, one after the other, look like a chain of their own.
    ...audit.damage.first
      .filter((d) => !e.nats.garbage.has(d.sequence))
      .map((d) => `the chain is damaged at ${d.sequence}`),
    ...stale(e, fold),
    ...early(e),
    ...unanswered(e),
    ...replicas(e, fold),
    ...leadership(e, fold),
    ...(end === String(fold.sequence)
      ? []
      : [`I8: the live counts end at ${end}, the ledger at ${fold.sequence}`]),
  ];
};
