// What a term begins with. Where something of the ledger is lost it does not begin: the replica holds the lead, so that no other
// takes it, and waits until an operator accepts the loss, or the ledger is whole again.

import type { Body } from '@calbus/contracts/envelope';
import { inventoryRefused } from '@calbus/contracts/inventory-command-messages';
import {
  type inventoryAcceptLoss,
  type inventoryRestore,
  type LedgerEnd,
} from '@calbus/contracts/ledger-messages';
import { NO_HASH, type LedgerRecord } from '@calbus/contracts/ledger';
import { MAX_EVIDENCE, type LossEvidence } from '@calbus/contracts/witness';
import type { Clock } from '@calbus/runtime/clock';
import { errorFacts, type Log } from '@calbus/runtime/log';
import { answerWith, type Answer } from '@calbus/runtime/responder';
import type { Random } from '../rules/ruling.ts';
import type { Head } from '../state/state.ts';
import { accepted } from '../api/record-once.ts';
import type { Follower } from './follow.ts';
import { notLeader } from './group-commit.ts';
import type { Restoring } from './restore.ts';
import type { Witnesses } from './witnesses.ts';

const EXAMINE_AGAIN_MS = 2_000;

export type Loss = {
  readonly term: number;
  readonly evidence: () => readonly LossEvidence[];
  /** An operator's word. Answers once the new generation stands in the ledger. */
  readonly accept: (command: Body<typeof inventoryAcceptLoss>) => Promise<Answer>;
  /** A backup instead. The term ends with it. */
  readonly restore: (command: Body<typeof inventoryRestore>) => Promise<Answer>;
};

export type Beginning = {
  readonly generation: string;
  readonly records: readonly LedgerRecord[];
  /** Tells the operator, if one has waited for it, how the first batch went. */
  readonly committed: (head: Head) => void;
  readonly failed: () => void;
};

export type BeginDeps = {
  readonly follower: Follower;
  readonly witnesses: Witnesses;
  readonly restoring: Restoring;
  readonly dice: Random;
  readonly clock: Clock;
  readonly log: Log;
  /** Makes the loss known and takes the operator's word; what it returns ends both. */
  readonly onLoss: (loss: Loss) => () => void;
};

const endOf = ({ generation, sequence, hash }: Head): LedgerEnd =>
  hash === NO_HASH ? null : { generation, sequence, hash };

/** How far each generation had been seen. */
const furthest = (evidence: readonly LossEvidence[]) => {
  const lost = new Map<string, { generation: string; sequence: number; hash: string }>();
  for (const { saw } of evidence) {
    if (!saw || saw.sequence <= (lost.get(saw.generation)?.sequence ?? -1)) continue;
    const { generation, sequence, hash } = saw;
    lost.set(generation, { generation, sequence, hash });
  }
  return [...lost.values()].slice(0, MAX_EVIDENCE);
};

const plainBeginning = (deps: BeginDeps): Beginning => {
  const { head } = deps.follower.state;
  const anew = head.hash === NO_HASH;
  return {
    generation: anew ? deps.dice.id() : head.generation,
    records: anew ? [{ kind: 'generation-started', after: null }] : [],
    committed: () => {},
    failed: () => {},
  };
};

type Word = {
  readonly command: Body<typeof inventoryAcceptLoss>;
  readonly answer: PromiseWithResolvers<Answer>;
};

const examine = async ({ witnesses, restoring }: BeginDeps): Promise<readonly LossEvidence[]> => {
  const found = await witnesses.examine();
  return [...(await restoring.evidence()), ...found];
};

/** Why an operator cannot accept what is lost. */
const notAcceptable = (evidence: readonly LossEvidence[]): string | undefined => {
  switch (evidence.find((e) => e.from === 'restore')?.why) {
    case undefined:
      return undefined;
    case 'half-restored':
      return 'A backup was put back only in part: go on with calbus restore, or empty the NATS store.';
    default:
      return 'Inventory waits for a backup: put one back with calbus restore, or start it without CALBUS_AWAIT_RESTORE.';
  }
};

/** Resolves with the operator's word, or undefined once the ledger is whole again. Rejects when the term is over. */
const standInLoss = async (
  deps: BeginDeps,
  term: number,
  first: readonly LossEvidence[],
  over: AbortSignal,
): Promise<{ word: Word; evidence: readonly LossEvidence[] } | undefined> => {
  const { follower, restoring, clock, log } = deps;
  let evidence = first;
  let word: Word | undefined;
  const woken = new AbortController();
  let restored = false;
  const accept: Loss['accept'] = (command) => {
    const no = notAcceptable(evidence);
    if (no !== undefined)
      return Promise.resolve(answerWith(inventoryRefused, { code: 'RESTORE_REJECTED', detail: no }));
    const now = endOf(follower.state.head);
    if (word || JSON.stringify(command.survives) !== JSON.stringify(now)) {
      const detail = `The ledger ends at ${now ? `${now.sequence} of generation ${now.generation}` : 'nothing: it is empty'}.`;
      return Promise.resolve(answerWith(inventoryRefused, { code: 'LOSS_CHANGED', detail }));
    }
    word = { command, answer: Promise.withResolvers<Answer>() };
    woken.abort();
    return word.answer.promise;
  };
  const restore: Loss['restore'] = (command) =>
    restoring.take(term, command, () => {
      restored = true;
      woken.abort();
    });
  const end = deps.onLoss({ term, evidence: () => evidence, accept, restore });
  try {
    for (;;) {
      await clock.sleep(EXAMINE_AGAIN_MS, AbortSignal.any([over, woken.signal]));
      if (word) return { word, evidence };
      // What is led now is led in a later term, as after any other's batch.
      if (over.aborted || restored) throw notLeader();
      try {
        const now = await examine(deps);
        if (now.length === 0) return undefined;
        evidence = now;
      } catch (error) {
        log.warn(errorFacts(error), 'the ledger cannot be compared with its witnesses');
      }
      if (word) return { word, evidence };
    }
  } catch (error) {
    word?.answer.reject(error);
    throw error;
  } finally {
    end();
  }
};

/** Rejects when the term is over, or the ledger cannot be read. */
export const begin = async (deps: BeginDeps, term: number, over: AbortSignal): Promise<Beginning> => {
  const { follower, dice, log } = deps;
  const evidence = await examine(deps);
  if (evidence.length === 0) return plainBeginning(deps);
  log.error(
    { event: 'LEDGER_DAMAGED', term, sequence: follower.state.head.sequence, evidence },
    'something of the ledger is lost: this replica does not lead until an operator accepts it (calbus ledger accept-loss)',
  );
  const stood = await standInLoss(deps, term, evidence, over);
  if (!stood) {
    log.info({ term }, 'the ledger is whole again');
    return plainBeginning(deps);
  }
  const { command, answer } = stood.word;
  const { by, why } = command;
  log.warn({ term, by, why, survives: command.survives }, 'an operator has accepted the loss');
  const lost = furthest(stood.evidence);
  return {
    generation: dice.id(),
    records: [{ kind: 'generation-started', after: command.survives, lost, by, why }],
    committed: (head) => answer.resolve(accepted(head)),
    failed: () => answer.reject(notLeader()),
  };
};
