// Which backup is being put back, in the leader's bucket: it is lost only with the ledger itself.

import type { JetStreamClient, JetStreamManager } from 'nats';
import { ledgerEnd } from '@calbus/contracts/ledger-messages';
import { streams } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import { jetStreamErrorOf } from '@calbus/runtime/jetstream-error';
import type { RestoreMark } from '../ports.ts';

/** JetStream's codes for: no such message, no such stream. */
const NOTHING: ReadonlySet<number> = new Set([10037, 10059]);

export const natsRestoreMark = (js: JetStreamClient, jsm: JetStreamManager): RestoreMark => ({
  read: async () => {
    try {
      const stored = await jsm.streams.getMessage(streams.leader.name, { last_by_subj: subjects.restoring });
      const parsed = ledgerEnd.safeParse(JSON.parse(new TextDecoder().decode(stored.data)));
      if (parsed.success) return parsed.data ?? undefined;
      throw new Error(
        'The mark of a restore cannot be read: finish the restore with the release that began it.',
      );
    } catch (error) {
      if (NOTHING.has(jetStreamErrorOf(error)?.errCode ?? 0)) return undefined;
      throw error;
    }
  },
  write: async (upTo) => {
    await js.publish(subjects.restoring, JSON.stringify(upTo ?? null), { timeout: 2_000 });
  },
});
