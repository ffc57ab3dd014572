// The ledger seen with inventory's second identity: reading all of it, and writing what an earlier life could have left.

import { createHash } from 'node:crypto';
import { connect, nkeyAuthenticator, type NatsConnection } from 'nats';
import { identities } from '@calbus/contracts/identities';
import { NO_HASH, type LedgerBatch, type LedgerRecord } from '@calbus/contracts/ledger';
import { streams } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import { newFold, open, moveTo, apply, type Fold } from './checker/fold.ts';
import type { LedgerMessage } from './checker/history.ts';

export const connectToLedger = (servers: readonly string[], seed: string): Promise<NatsConnection> =>
  connect({
    servers: [...servers],
    authenticator: nkeyAuthenticator(new TextEncoder().encode(seed)),
    inboxPrefix: identities['inventory-ledger'].inbox,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 200,
  });

export const readLedger = async (nc: NatsConnection): Promise<LedgerMessage[]> => {
  const jsm = await nc.jetstreamManager({ checkAPI: false });
  const { name } = streams.ledger;
  const { state } = await jsm.streams.info(name);
  const messages: LedgerMessage[] = [];
  for (let seq = 1; seq <= state.last_seq; seq += 1) {
    const stored = await jsm.streams.getMessage(name, { seq });
    messages.push({ sequence: seq, bytes: stored.data, storedAt: stored.time.getTime() });
  }
  return messages;
};

export const foldOf = (messages: readonly LedgerMessage[]): Fold => {
  const fold = newFold();
  for (const message of messages) {
    const opened = open(fold, message);
    if (opened.kind === 'void') continue;
    const place = { sequence: message.sequence, batch: opened.batch };
    for (const r of opened.batch.records) apply(fold, r, place);
    moveTo(fold, place, opened.hash);
  }
  return fold;
};

/** Appends one batch as a leader of a further term would; nobody else may be leading. */
export const appendAsLeader = async (nc: NatsConnection, records: readonly LedgerRecord[]): Promise<void> => {
  const messages = await readLedger(nc);
  const fold = foldOf(messages);
  const batch: LedgerBatch = {
    format: 1,
    generation: fold.generation,
    term: fold.term + 1,
    nonce: createHash('sha256').update(fold.hash).digest('base64url'),
    prevHash: fold.hash === '' ? NO_HASH : fold.hash,
    at: Math.max(fold.time, Date.now()),
    records: [{ kind: 'leadership-taken', replica: 'an-earlier-life' }, ...records],
  };
  const expect = { lastSubjectSequence: messages.length };
  await nc.jetstream().publish(subjects.ledger, JSON.stringify(batch), { expect });
};
