// Compares what a witness saw with the ledger as this replica reads it.

import { hashOf } from '../batch-codec.ts';
import { NO_HASH } from '../records.ts';
import type { ReadFollower } from '../replica/follower.ts';
import type { LedgerPages } from '../replica/ledger-stream.ts';
import type { LedgerState } from '../state-machine.ts';
import type { LedgerWitness, LossEvidence, Testimony } from './witness.ts';

export type EvidenceDeps<State extends LedgerState> = {
  readonly pages: LedgerPages;
  readonly follower: ReadFollower<State>;
  /** Whether the state lacks a fact that a witness knows to be recorded. */
  readonly lacks?: (state: State, fact: string) => boolean;
};

export const createEvidence = <State extends LedgerState>({
  pages,
  follower,
  lacks,
}: EvidenceDeps<State>) => {
  const messageAt = async (sequence: number) => {
    const { entries, last } = await pages.page(sequence, 1, 0);
    const [entry] = entries;
    return { hash: entry?.sequence === sequence ? hashOf(entry.bytes) : undefined, last };
  };
  const contradiction = async (w: LedgerWitness): Promise<string | undefined> => {
    const { head } = follower.state;
    if (w.generation !== head.generation)
      return head.settled.includes(w.generation) ? undefined : 'unknown-generation';
    if (w.sequence > follower.tail()) return 'ahead';
    const hash = w.sequence === head.sequence ? head.hash : (await messageAt(w.sequence)).hash;
    return hash === w.hash ? undefined : 'other-hash';
  };
  return {
    /** All that a testimony proves against the ledger. */
    against: async (from: string, { seen, facts = [] }: Testimony): Promise<LossEvidence[]> => {
      const found: LossEvidence[] = [];
      for (const saw of seen) {
        const why = await contradiction(saw);
        if (why !== undefined) found.push({ from, why, saw });
      }
      for (const why of facts) if (lacks?.(follower.state, why)) found.push({ from, why, saw: null });
      return found;
    },
    /** The head that this replica has read, if the stream no longer has it. */
    lostHead: async (): Promise<LedgerWitness | undefined> => {
      const { generation, sequence, hash, time } = follower.state.head;
      if (hash === NO_HASH) return undefined;
      const tail = follower.tail();
      const now = await messageAt(sequence);
      return now.last >= tail && now.hash === hash ? undefined : { generation, sequence, hash, time };
    },
  };
};
