// Whether something of the ledger is lost. Others have seen how far it was: Redis, this replica's own file, the liaison, and
// this replica itself while it ran. The ledger itself cannot tell: one that was put back from an older copy is whole.

import { NO_HASH } from '@calbus/contracts/ledger';
import type { LedgerWitness, LossEvidence, LossReason, WitnessName } from '@calbus/contracts/witness';
import type { Clock } from '@calbus/runtime/clock';
import { errorFacts, type Log } from '@calbus/runtime/log';
import type { LedgerPages, Testimony, WitnessFile, WitnessSource } from '../ports.ts';
import { hashOf } from './chain.ts';
import type { Follower } from './follow.ts';

const ASK_MS = 700;
const LOOK_MS = 1_000;

export type Witnesses = {
  /** Asks everyone, reads the ledger to its end, and says what of it is known to be lost. Not while leading. */
  readonly examine: () => Promise<readonly LossEvidence[]>;
  /** Compares the ledger with what this replica has read of it, now and then; begins anew where it is another. Not while leading. */
  readonly follow: () => Promise<void>;
  /** Goes on looking, and asking those who have not answered yet, until `over`. */
  readonly watch: (over: AbortSignal, lost: () => void) => Promise<void>;
  /** Whether this witness has said what it saw and it is nothing against the ledger, so that it may be told what is new. */
  readonly agrees: (name: WitnessSource['name']) => Promise<boolean>;
  /** Keeps the file until the process ends. */
  readonly ended: Promise<void>;
};

export type WitnessesDeps = {
  readonly ledger: LedgerPages;
  readonly follower: Follower;
  readonly sources: readonly WitnessSource[];
  readonly file: WitnessFile | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
};

export const createWitnesses = (deps: WitnessesDeps): Witnesses => {
  const { ledger, follower, clock, log, signal } = deps;
  const sources = deps.file ? [...deps.sources, deps.file] : deps.sources;
  const spoken = new Map<WitnessName, Testimony>();
  /** Those that have spoken, and said nothing against the ledger. */
  const agreeing = new Set<WitnessName>();
  const memory: LedgerWitness[] = [];
  let lookedAt = -LOOK_MS;
  /** Whether the file holds nothing against the ledger, and so may be written over. */
  let mayWrite = false;
  let written = '';

  const hashAt = async (sequence: number): Promise<string | undefined> => {
    const [entry] = (await ledger.page(sequence, 1, 0)).entries;
    return entry?.sequence === sequence ? hashOf(entry.bytes) : undefined;
  };

  /** What a witness says against the ledger as it is read here. */
  const against = async (w: LedgerWitness): Promise<LossReason | undefined> => {
    const { head } = follower.state;
    if (w.generation !== head.generation)
      return head.settled.includes(w.generation) ? undefined : 'unknown-generation';
    if (w.sequence > follower.tail()) return 'ahead';
    const hash = w.sequence === head.sequence ? head.hash : await hashAt(w.sequence);
    return hash === w.hash ? undefined : 'other-hash';
  };

  const evidenceOf = async (from: WitnessName, { seen, activated }: Testimony): Promise<LossEvidence[]> => {
    const found: LossEvidence[] = [];
    for (const saw of seen) {
      const why = await against(saw);
      if (why) found.push({ from, why, saw });
    }
    const { activations, losses } = follower.state.head;
    if (activated && activations.length === 0 && losses === 0)
      found.push({ from, why: 'activated', saw: null });
    return found;
  };

  const ask = async (source: WitnessSource): Promise<boolean> => {
    const waited = new AbortController();
    const late = clock.sleep(ASK_MS, waited.signal).then(() => undefined);
    try {
      const testimony = await Promise.race([source.ask(), late]);
      if (testimony) spoken.set(source.name, testimony);
      return testimony !== undefined;
    } catch (error) {
      log.debug({ witness: source.name, ...errorFacts(error) }, 'a witness of the ledger cannot be asked');
      return false;
    } finally {
      waited.abort();
    }
  };

  /** Asks where it was not asked with success before. */
  const agrees = async (source: WitnessSource): Promise<boolean> => {
    const { name } = source;
    if (agreeing.has(name)) return true;
    if (!spoken.has(name)) await ask(source);
    const testimony = spoken.get(name);
    if (testimony && (await evidenceOf(name, testimony)).length === 0) agreeing.add(name);
    return agreeing.has(name);
  };

  /** What this replica had read, where the ledger is not that any more. */
  const changed = async (): Promise<LedgerWitness | undefined> => {
    const { generation, sequence, hash, time } = follower.state.head;
    if (hash === NO_HASH) return undefined;
    const tail = follower.tail();
    const { entries, last } = await ledger.page(sequence, 1, 0);
    const [entry] = entries;
    const same = last >= tail && entry?.sequence === sequence && hashOf(entry.bytes) === hash;
    return same ? undefined : { generation, sequence, hash, time };
  };

  const look = async (): Promise<void> => {
    lookedAt = clock.monotonic();
    const had = await changed();
    if (!had) return;
    log.error({ event: 'LEDGER_DAMAGED', had }, 'the ledger is not the one that was read; reading it anew');
    memory.push(had);
    mayWrite = false;
    follower.forget();
  };

  const keepFile = async (): Promise<void> => {
    const { file } = deps;
    const { generation, sequence, hash, time } = follower.state.head;
    if (!file || hash === NO_HASH || hash === written) return;
    if (!mayWrite) mayWrite = (await evidenceOf('file', await file.ask())).length === 0;
    if (!mayWrite) return;
    await file.save({ generation, sequence, hash, time });
    written = hash;
  };
  const keep = async (): Promise<void> => {
    let last = false;
    do {
      last = signal.aborted;
      await keepFile().catch((error: unknown) =>
        log.warn(errorFacts(error), 'the file with the head of the ledger cannot be written'),
      );
      await clock.sleep(LOOK_MS, signal);
    } while (!last);
  };

  return {
    examine: async () => {
      await look();
      await Promise.all(sources.map(ask));
      // Only now: what they saw may have been written meanwhile.
      await follower.catchUp();
      const found: LossEvidence[] = [];
      agreeing.clear();
      for (const [name, testimony] of spoken) {
        const evidence = await evidenceOf(name, testimony);
        if (evidence.length === 0) agreeing.add(name);
        found.push(...evidence);
      }
      found.push(...(await evidenceOf('memory', { seen: memory, activated: false })));
      return found;
    },
    follow: async () => {
      if (clock.monotonic() - lookedAt >= LOOK_MS) await look();
    },
    watch: async (over, lost) => {
      while (!over.aborted) {
        await clock.sleep(LOOK_MS, over);
        try {
          if (over.aborted) return;
          if (await changed()) return lost();
          for (const source of sources) {
            await agrees(source);
            if (spoken.has(source.name) && !agreeing.has(source.name)) return lost();
          }
        } catch (error) {
          log.debug(errorFacts(error), 'the ledger cannot be compared with its witnesses');
        }
      }
    },
    agrees: async (name) => {
      const source = sources.find((s) => s.name === name);
      return source === undefined || (await agrees(source));
    },
    ended: keep(),
  };
};
