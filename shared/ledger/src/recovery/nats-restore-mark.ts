// The restore mark in the leader's bucket: it is lost only together with the ledger.

import type { JetStreamClient, JetStreamManager } from 'nats';
import { jetStreamErrorOf } from '@calbus/runtime/jetstream-error';
import { ledgerPoint } from '../records.ts';
import type { RestoreMark } from './restore-mark.ts';

/** JetStream's codes for: no such message, no such stream. */
const MISSING: ReadonlySet<number> = new Set([10037, 10059]);
const TIMEOUT_MS = 2_000;

const stored = ledgerPoint.nullable();

export const natsRestoreMark = (
  js: JetStreamClient,
  jsm: JetStreamManager,
  stream: string,
  subject: string,
): RestoreMark => ({
  read: async () => {
    try {
      const message = await jsm.streams.getMessage(stream, { last_by_subj: subject });
      return stored.parse(JSON.parse(new TextDecoder().decode(message.data))) ?? undefined;
    } catch (error) {
      if (MISSING.has(jetStreamErrorOf(error)?.errCode ?? 0)) return undefined;
      throw error;
    }
  },
  write: async (upTo) => {
    await js.publish(subject, JSON.stringify(upTo ?? null), { timeout: TIMEOUT_MS });
  },
});
