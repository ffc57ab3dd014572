// A backup is put back: the messages of its ledger as they were, each at its own place, and then the first record of a new generation.
// Until that stands there nobody leads: a mark beside the ledger says that it is there only in part.

import type { Body } from '@calbus/contracts/envelope';
import { fault, FaultError } from '@calbus/contracts/faults';
import { inventoryRefused } from '@calbus/contracts/inventory-command-messages';
import { type inventoryRestore, type LedgerEnd } from '@calbus/contracts/ledger-messages';
import { NO_HASH, type LedgerBatch } from '@calbus/contracts/ledger';
import type { LossEvidence } from '@calbus/contracts/witness';
import { answerWith, type Answer } from '@calbus/runtime/responder';
import type { Random } from '../rules/ruling.ts';
import type { Ledger, RestoreMark } from '../ports.ts';
import { accepted } from '../api/record-once.ts';
import { encodeBatch, hashOf, openBatch } from './chain.ts';
import type { Follower } from './follow.ts';

type Restore = Body<typeof inventoryRestore>;
type End = NonNullable<LedgerEnd>;

export type RestoreDeps = {
  readonly ledger: Ledger;
  readonly follower: Follower;
  readonly mark: RestoreMark;
  readonly dice: Random;
  readonly ledgerTime: (last: number) => number;
  /** An empty ledger waits for a backup. */
  readonly awaited: boolean;
};

export type Restoring = {
  /** What of a backup keeps this ledger from being led. Rejects where that cannot be read. */
  readonly evidence: () => Promise<readonly LossEvidence[]>;
  /** One command of a restore, in a term in which nothing is led; `done` is called once the new generation stands in the ledger. */
  readonly take: (term: number, command: Restore, done: () => void) => Promise<Answer>;
};

const rejected = (detail: string): Answer =>
  answerWith(inventoryRefused, { code: 'RESTORE_REJECTED', detail });
const notNow = (): FaultError =>
  new FaultError(fault('NOT_LEADER', 'Another has written to the ledger, or it cannot be reached.'));
const same = (a: End, b: End): boolean =>
  a.generation === b.generation && a.sequence === b.sequence && a.hash === b.hash;

export const createRestoring = (deps: RestoreDeps): Restoring => {
  const { ledger, follower, mark } = deps;
  const { state } = follower;
  let taking: Promise<unknown> = Promise.resolve();

  /** Whether these bytes are what stands at this place. */
  const stands = async (sequence: number, bytes: Uint8Array): Promise<boolean> => {
    for await (const entry of ledger.readFrom(sequence))
      return entry.sequence === sequence && hashOf(entry.bytes) === hashOf(bytes);
    return false;
  };

  const append = async (bytes: Uint8Array): Promise<void> => {
    const sequence = follower.tail() + 1;
    const outcome = await ledger.append(bytes, sequence - 1);
    if (outcome.kind === 'full') throw new FaultError(fault('STORAGE_FULL'));
    if (outcome.kind === 'uncertain' && !(await stands(sequence, bytes))) throw notNow();
    follower.take({ sequence, bytes });
  };

  /** What keeps a restore from going on, in words. */
  const problem = async ({ upTo, messages }: Restore): Promise<string | undefined> => {
    const under = await mark.read();
    if (under && !same(under, upTo))
      return `Another backup is being put back, up to ${under.sequence} of generation ${under.generation}: go on with that one, or empty the NATS store.`;
    if (!under && follower.tail() > 0)
      return 'The ledger is not empty: a backup goes only into an empty one.';
    const [first] = messages;
    if (first && first.sequence > follower.tail() + 1)
      return `The next message is ${follower.tail() + 1}, not ${first.sequence}.`;
    if (!under) await mark.write(upTo);
    return undefined;
  };

  const finish = async (term: number, c: Restore, backup: NonNullable<Restore['finish']>['backup']) => {
    const { head } = state;
    const { generation, sequence, hash } = head;
    if (!same(c.upTo, { generation, sequence, hash }))
      return rejected(`The ledger ends at ${sequence}, the backup at ${c.upTo.sequence}.`);
    const { commandId, by, why } = c;
    const batch: LedgerBatch = {
      format: 1,
      generation: deps.dice.id(),
      term: Math.max(term, head.term + 1),
      nonce: deps.dice.id(),
      prevHash: hash,
      at: deps.ledgerTime(head.time),
      records: [
        { kind: 'generation-started', after: c.upTo, lost: [], by, why },
        { kind: 'server-restored', commandId, by, why, backup },
      ],
    };
    await append(encodeBatch(batch));
    await mark.write(undefined);
    return accepted(state.head);
  };

  const take = async (term: number, c: Restore, done: () => void): Promise<Answer> => {
    await follower.catchUp();
    const why = await problem(c);
    if (why !== undefined) return rejected(why);
    for (const m of c.messages) {
      // Those of a restore that was broken off, or of a command whose answer was lost.
      if (m.sequence <= follower.tail()) continue;
      const bytes = Buffer.from(m.bytes, 'base64');
      const opened = openBatch(bytes);
      if (m.sequence !== follower.tail() + 1 || m.sequence > c.upTo.sequence)
        return rejected(`Message ${m.sequence} is not the next one.`);
      if (!opened.ok && opened.follows === state.head.hash)
        return rejected(
          `Message ${m.sequence} was written by a later version of calbus: restore with that one.`,
        );
      await append(bytes);
    }
    if (!c.finish) return accepted(state.head);
    const answer = await finish(term, c, c.finish.backup);
    if (answer.contract !== inventoryRefused) done();
    return answer;
  };

  return {
    evidence: async () => {
      const upTo = await mark.read();
      const { head } = state;
      // The mark outlives a restore whose end was stored, and whose leader did not live to take it away.
      if (upTo && head.survived[upTo.generation] === undefined)
        return [{ from: 'restore', why: 'half-restored', saw: { ...upTo, time: 0 } }];
      if (upTo) await mark.write(undefined);
      const waits = deps.awaited && head.hash === NO_HASH;
      return waits ? [{ from: 'restore', why: 'awaits-backup', saw: null }] : [];
    },
    take: (term, command, done) => {
      // In their order, however many callers there are.
      const next = taking.then(() => take(term, command, done));
      taking = next.catch(() => undefined);
      return next;
    },
  };
};
