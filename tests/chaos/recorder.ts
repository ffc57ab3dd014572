// Remembers every request and every answer: those that the terminal servers were given, and those an operator overheard.

import { decodeDecisions } from '@calbus/contracts/received-decisions';
import type { FaultCode } from '@calbus/contracts/faults';
import { subjects } from '@calbus/contracts/subjects';
import type { OperatorClient } from '@calbus/operator-client/client';
import type { Decision } from '@calbus/terminal-server/client';
import type { Answer, Asked } from './checker/history.ts';

/** One call of a terminal server, from its asking to its answer; times are this process's monotonic clock. */
export type Exchange = {
  readonly askedAt: number;
  readonly answeredAt: number;
  readonly result:
    | { readonly kind: 'decision'; readonly decision: Decision }
    | { readonly kind: 'fault'; readonly code: FaultCode };
};

export type Recorder = {
  readonly asked: (requestId: string, asked: Asked) => void;
  readonly exchanged: (exchange: Exchange) => void;
  readonly exchanges: () => readonly Exchange[];
  readonly history: () => { asked: ReadonlyMap<string, Asked>; answers: readonly Answer[] };
  /** Faults that issuers sent, by code. */
  readonly faultsSent: () => ReadonlyMap<FaultCode, number>;
  /** When the first committed answer came to a request that was asked after `askedAfter`; undefined where none did in time. */
  readonly committed: (askedAfter: number, withinMs: number) => Promise<number | undefined>;
};

/** Rows whose answers follow a commit of their own. */
const committing: ReadonlySet<string> = new Set(['D2', 'D4', 'D6', 'D9', 'D11', 'D16']);

export const isCommitted = ({ result }: Exchange): boolean =>
  result.kind === 'decision' && committing.has(result.decision.row);

export const createRecorder = (operator: OperatorClient): Recorder => {
  const asked = new Map<string, Asked>();
  const answers = new Map<string, Answer>();
  const exchanges: Exchange[] = [];
  const faultsSent = new Map<FaultCode, number>();
  const waiters = new Set<(e: Exchange) => void>();

  const heard = (decision: Decision): void => {
    const key = JSON.stringify(decision);
    if (!answers.has(key)) answers.set(key, { decision, heardAt: Date.now() });
  };
  operator.nc.subscribe(subjects.decision.all, {
    callback: (error, m) => {
      const told = error ? undefined : decodeDecisions(m.data);
      if (!told?.ok) return;
      for (const d of told.message.decisions) heard(d);
      for (const { code } of told.message.faults) faultsSent.set(code, (faultsSent.get(code) ?? 0) + 1);
    },
  });

  return {
    asked: (requestId, what) => asked.set(requestId, what),
    exchanged: (exchange) => {
      exchanges.push(exchange);
      if (exchange.result.kind === 'decision') heard(exchange.result.decision);
      for (const w of waiters) w(exchange);
    },
    exchanges: () => exchanges,
    history: () => ({ asked, answers: [...answers.values()] }),
    faultsSent: () => faultsSent,
    committed: (askedAfter, withinMs) =>
      new Promise((resolve) => {
        const fits = (e: Exchange): boolean => e.askedAt >= askedAfter && isCommitted(e);
        const found = exchanges.find(fits);
        if (found) return resolve(found.answeredAt);
        const end = (at: number | undefined): void => {
          clearTimeout(timer);
          waiters.delete(look);
          resolve(at);
        };
        const look = (e: Exchange): void => {
          if (fits(e)) end(e.answeredAt);
        };
        const timer = setTimeout(() => end(undefined), withinMs);
        waiters.add(look);
        return undefined;
      }),
  };
};
