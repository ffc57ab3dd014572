// Asks the witnesses whether a part of the ledger is lost. The ledger itself cannot tell: one that was restored from an older copy is
// whole in itself.

import type { Clock } from '@calbus/runtime/clock';
import { errorFacts, type Log } from '@calbus/runtime/log';
import { NO_HASH } from '../records.ts';
import type { LedgerState } from '../state-machine.ts';
import { createEvidence, type EvidenceDeps } from './evidence.ts';
import type { LedgerWitness, LossEvidence, OwnWitness, Testimony, WitnessSource } from './witness.ts';

const ASK_TIMEOUT_MS = 700;
const POLL_INTERVAL_MS = 1_000;

export type Witnesses = {
  /** Asks all witnesses, reads the stream to its end, and returns the evidence of a loss. Only while this replica does not lead. */
  readonly examine: () => Promise<readonly LossEvidence[]>;
  /** Compares the stream with what this replica has read, once a second; resets the follower if the stream has another history. Only while this replica does not lead. */
  readonly compareStream: () => Promise<void>;
  /** Runs while this replica leads: repeats the comparison, and asks the witnesses that have not answered. Calls `onLoss` at the first evidence. */
  readonly watch: (signal: AbortSignal, onLoss: () => void) => Promise<void>;
  /** Whether this witness has answered and proves no loss, so that its value may be overwritten. */
  readonly agrees: (name: string) => Promise<boolean>;
  /** Saves this replica's own witness until the process ends. */
  readonly ended: Promise<void>;
};

export type WitnessesDeps<State extends LedgerState> = EvidenceDeps<State> & {
  readonly sources: readonly WitnessSource[];
  readonly own: OwnWitness | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
};

type Evidence = ReturnType<typeof createEvidence>;

/** The answers of the witnesses, each asked until it has answered once. */
const createTestimonies = (evidence: Evidence, clock: Clock, log: Log) => {
  const answers = new Map<string, Testimony>();
  /** Those that answered and prove no loss. */
  const agreeing = new Set<string>();
  const ask = async (source: WitnessSource): Promise<void> => {
    const answered = new AbortController();
    const timeout = clock.sleep(ASK_TIMEOUT_MS, answered.signal).then(() => undefined);
    try {
      const testimony = await Promise.race([source.ask(), timeout]);
      if (testimony) answers.set(source.name, testimony);
    } catch (error) {
      log.debug({ witness: source.name, ...errorFacts(error) }, 'a witness of the ledger cannot be asked');
    } finally {
      answered.abort();
    }
  };
  return {
    ask,
    /** Compares all answers with the ledger again. */
    compare: async (): Promise<LossEvidence[]> => {
      const found: LossEvidence[] = [];
      agreeing.clear();
      for (const [name, testimony] of answers) {
        const against = await evidence.against(name, testimony);
        if (against.length === 0) agreeing.add(name);
        found.push(...against);
      }
      return found;
    },
    /** Asks if the witness has not answered yet. Undefined if it still has not. */
    agrees: async (source: WitnessSource): Promise<boolean | undefined> => {
      const { name } = source;
      if (agreeing.has(name)) return true;
      if (!answers.has(name)) await ask(source);
      const testimony = answers.get(name);
      if (!testimony) return undefined;
      if ((await evidence.against(name, testimony)).length === 0) agreeing.add(name);
      return agreeing.has(name);
    },
  };
};

/** Keeps this replica's own witness at the head, unless its present value is evidence of a loss. */
const createOwnWitness = <State extends LedgerState>(
  { own, follower, clock, log, signal }: WitnessesDeps<State>,
  evidence: Evidence,
) => {
  let mayOverwrite = false;
  let saved = '';
  const save = async (): Promise<void> => {
    const { generation, sequence, hash, time } = follower.state.head;
    if (!own || hash === NO_HASH || hash === saved) return;
    if (!mayOverwrite) mayOverwrite = (await evidence.against(own.name, await own.ask())).length === 0;
    if (!mayOverwrite) return;
    await own.save({ generation, sequence, hash, time });
    saved = hash;
  };
  return {
    /** The stream has another history: the stored value may be evidence now. */
    suspect: (): void => {
      mayOverwrite = false;
    },
    /** Saves once more after the abort. */
    run: async (): Promise<void> => {
      let last = false;
      do {
        last = signal.aborted;
        await save().catch((error: unknown) =>
          log.warn(errorFacts(error), 'the file with the head of the ledger cannot be written'),
        );
        await clock.sleep(POLL_INTERVAL_MS, signal);
      } while (!last);
    },
  };
};

export const createWitnesses = <State extends LedgerState>(deps: WitnessesDeps<State>): Witnesses => {
  const { follower, clock, log } = deps;
  const sources = deps.own ? [...deps.sources, deps.own] : deps.sources;
  const evidence = createEvidence(deps);
  const testimonies = createTestimonies(evidence, clock, log);
  const own = createOwnWitness(deps, evidence);
  /** Heads that this replica had read and that are gone. */
  const lostHeads: LedgerWitness[] = [];
  let comparedAt = -POLL_INTERVAL_MS;

  const compareStream = async (): Promise<void> => {
    comparedAt = clock.monotonic();
    const lost = await evidence.lostHead();
    if (!lost) return;
    log.error(
      { event: 'LEDGER_DAMAGED', had: lost },
      'the ledger is not the one that this replica has read; it is read again from its first message',
    );
    lostHeads.push(lost);
    own.suspect();
    follower.reset();
  };
  const isLost = async (): Promise<boolean> => {
    if (await evidence.lostHead()) return true;
    for (const source of sources) if ((await testimonies.agrees(source)) === false) return true;
    return false;
  };
  return {
    examine: async () => {
      await compareStream();
      await Promise.all(sources.map(testimonies.ask));
      // Only now: batches that a witness saw may have been written meanwhile.
      await follower.catchUp();
      return [...(await testimonies.compare()), ...(await evidence.against('memory', { seen: lostHeads }))];
    },
    compareStream: async () => {
      if (clock.monotonic() - comparedAt >= POLL_INTERVAL_MS) await compareStream();
    },
    watch: async (signal, onLoss) => {
      while (!signal.aborted) {
        await clock.sleep(POLL_INTERVAL_MS, signal);
        try {
          if (signal.aborted) return;
          if (await isLost()) return onLoss();
        } catch (error) {
          log.debug(errorFacts(error), 'the ledger cannot be compared with its witnesses');
        }
      }
    },
    agrees: async (name) => {
      const source = sources.find((s) => s.name === name);
      return source === undefined || (await testimonies.agrees(source)) === true;
    },
    ended: own.run(),
  };
};
