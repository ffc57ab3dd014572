// Identity, outbox, answers, agreements and issuing keys in SQLite. Rows are checked as they come out.

import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { clearinghouseReason, reactivationReason } from '@calbus/contracts/clearinghouse';
import { contact, installable, agreementReference } from '@calbus/contracts/purchases';
import { clearinghouseCommandState, clearinghouseMethod } from '@calbus/contracts/liaison-messages';
import { ledgerWitness, MAX_EVIDENCE } from '@calbus/contracts/witness';
import { transact } from '@calbus/runtime/sqlite';
import {
  needsPreparation,
  epochChangeRejection,
  type Command,
  type CommandState,
} from '../domain/command.ts';
import type { IssuingKey } from '../domain/issuing-keys.ts';
import { encryptCommand, decryptRequest, decryptStatement } from './command-encryption.ts';
import type { AnswerResult, IssuedPack, Store } from '../ports.ts';

const json = (text: string): unknown => JSON.parse(text) as unknown;
const chainText = z.string().transform((t) => z.array(z.string()).parse(json(t)));

const identityRow = z.object({
  product_id: z.string(),
  server_id: z.string().nullable(),
  epoch: z.int(),
  chain: chainText.nullable(),
  deactivated: z.int(),
});

const request = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('activate'), contact }),
  z.object({ kind: z.literal('install'), purchase: installable }),
  z.object({
    kind: z.literal('reactivate'),
    reason: reactivationReason,
    paper: agreementReference,
    serverId: z.string(),
  }),
  z.object({ kind: z.literal('deactivate') }),
  z.object({ kind: z.literal('recover'), paper: agreementReference }),
  z.object({
    kind: z.literal('change-pack'),
    keyPackId: z.string(),
    quantity: z.int(),
    to: z.enum(['agreement', 'other-mode']),
    refused: z.literal(true).optional(),
  }),
]);

const commandRowOf = (secret: string) =>
  z
    .object({
      sequence: z.int(),
      command_id: z.string(),
      request: z.string(),
      asked_at: z.int(),
      by: z.string(),
      road: clearinghouseMethod,
      jws: z.string(),
      state: z.string(),
    })
    .transform((r): Command => ({
      commandId: r.command_id,
      sequence: r.sequence,
      request: request.parse(decryptRequest(secret, r.command_id, r.request)),
      askedAt: r.asked_at,
      by: r.by,
      road: r.road,
      jws: decryptStatement(secret, r.command_id, r.jws),
      state: clearinghouseCommandState.parse(json(r.state)),
    }));

const answeredPack = z.object({ keyPackId: z.string(), keyPack: z.string() });
const answeredText = z.string().transform((t) =>
  z
    .discriminatedUnion('kind', [
      z.object({
        kind: z.literal('activated'),
        serverId: z.string(),
        epoch: z.int(),
        chain: z.array(z.string()),
      }),
      z.object({ kind: z.literal('key-pack'), ...answeredPack.shape }),
      z.object({ kind: z.literal('deactivated') }),
      z.object({ kind: z.literal('recovered'), packs: z.array(answeredPack), more: z.int().optional() }),
      z.object({ kind: z.literal('pack-changed'), keyPackId: z.string(), into: answeredPack.nullable() }),
      z.object({ kind: z.literal('not-taken'), reason: clearinghouseReason, says: z.string() }),
    ])
    .parse(json(t)),
);

/** The key packs of an answer: each is kept with the paper by which it was bought, which it names itself. */
const packsIn = (what: AnswerResult | null): readonly IssuedPack[] => {
  switch (what?.kind) {
    case 'key-pack':
      return [what];
    case 'recovered':
      return what.packs;
    case 'pack-changed':
      return what.into === null ? [] : [what.into];
    default:
      return [];
  }
};

const keyRow = z
  .object({
    kid: z.string(),
    epoch: z.int(),
    chain: chainText,
    made_at: z.int(),
    not_before: z.int(),
    not_after: z.int(),
    sealed: z.string().nullable(),
  })
  .transform((r): IssuingKey => ({
    kid: r.kid,
    epoch: r.epoch,
    chain: r.chain,
    madeAt: r.made_at,
    notBefore: r.not_before,
    notAfter: r.not_after,
    sealed: r.sealed,
  }));

/** On a database whose identity is there already; see license-server-key.ts. `secret`: the deployment's, which seals license codes. */
export const sqliteStore = (db: DatabaseSync, secret: string): Store => {
  const commandRow = commandRowOf(secret);
  const identity = db.prepare('SELECT * FROM identity');
  const readIdentity = () => identityRow.parse(identity.get());
  // A beacon that was overtaken on the way, or one of a ledger that lost something, takes nothing back.
  const keepWitness = db.prepare(
    `INSERT INTO witnesses (generation, sequence, hash, time, seen_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (generation) DO UPDATE SET
       sequence = excluded.sequence, hash = excluded.hash, time = excluded.time, seen_at = excluded.seen_at
     WHERE excluded.sequence > witnesses.sequence`,
  );
  const witnesses = db.prepare(
    'SELECT generation, sequence, hash, time FROM witnesses ORDER BY seen_at DESC, rowid DESC LIMIT ?',
  );
  const recorded = db.prepare(
    "SELECT 1 FROM commands WHERE stage = 'done' AND json_extract(request, '$.kind') IN ('activate', 'reactivate')",
  );
  const byId = db.prepare('SELECT * FROM commands WHERE command_id = ?');
  const newest = db.prepare('SELECT * FROM commands ORDER BY sequence DESC LIMIT ?');
  const open = db.prepare(
    "SELECT * FROM commands WHERE stage IN ('waiting', 'held', 'sent') ORDER BY sequence",
  );
  const unprepared = db.prepare(
    "SELECT * FROM commands WHERE stage IN ('waiting', 'held') AND prepared = 0 ORDER BY sequence",
  );
  const prepared = db.prepare('UPDATE commands SET prepared = 1 WHERE command_id = ?');
  const refuse = db.prepare(
    "UPDATE commands SET stage = ?, state = ? WHERE command_id = ? AND stage IN ('waiting', 'held')",
  );
  const deactivate = db.prepare('UPDATE identity SET deactivated = 1');
  const answered = db.prepare("SELECT * FROM commands WHERE stage = 'answered' ORDER BY sequence");
  const refusedPacks = db.prepare(
    "SELECT * FROM commands WHERE stage = 'rejected' AND json_extract(answered, '$.kind') = 'key-pack' ORDER BY sequence",
  );
  const givenBack = db.prepare(
    "SELECT * FROM commands WHERE json_extract(request, '$.refused') = 1 ORDER BY sequence",
  );
  const held = db.prepare("SELECT * FROM commands WHERE stage = 'held' ORDER BY sequence");
  const next = db.prepare('SELECT coalesce(max(sequence), 0) + 1 AS n FROM commands');
  const add = db.prepare(
    `INSERT INTO commands (sequence, command_id, request, asked_at, by, road, jws, stage, state, prepared)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const sent = db.prepare(
    "UPDATE commands SET stage = 'sent', state = ? WHERE command_id = ? AND stage = 'waiting'",
  );
  const answer = db.prepare(
    `UPDATE commands SET stage = ?, state = ?, answered = ?
     WHERE command_id = ? AND stage IN ('waiting', 'held', 'sent')`,
  );
  const forgetCode = db.prepare(
    "UPDATE commands SET jws = '' WHERE command_id = ? AND json_extract(request, '$.purchase.program') = 'retail'",
  );
  const settle = db.prepare(
    "UPDATE commands SET stage = ?, state = ? WHERE command_id = ? AND stage = 'answered'",
  );
  const activate = db.prepare(
    'UPDATE identity SET server_id = ?, epoch = ?, chain = ?, deactivated = 0 WHERE epoch < ?',
  );
  const keep = db.prepare(
    'INSERT OR REPLACE INTO agreements (key_pack_id, key_pack, kept_at) VALUES (?, ?, ?)',
  );
  const packs = db.prepare('SELECT key_pack FROM agreements ORDER BY kept_at, key_pack_id');
  const activator = db.prepare(
    `SELECT json_extract(request, '$.contact') AS contact FROM commands
     WHERE stage = 'done' AND json_extract(request, '$.kind') = 'activate' ORDER BY sequence DESC LIMIT 1`,
  );
  const keys = db.prepare('SELECT * FROM issuing_keys ORDER BY made_at DESC');
  const addKey = db.prepare(
    `INSERT INTO issuing_keys (kid, epoch, chain, made_at, not_before, not_after, sealed)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  );
  const forget = db.prepare('UPDATE issuing_keys SET sealed = NULL WHERE kid = ? AND sealed IS NOT NULL');
  const drop = db.prepare('DELETE FROM issuing_keys WHERE kid = ?');

  const take = (make: (sequence: number) => Command): Command => {
    const c = make(z.object({ n: z.int() }).parse(next.get()).n);
    const { request: asked, jws } = encryptCommand(secret, c);
    const state = JSON.stringify(c.state);
    const ready = needsPreparation(c.request) ? 0 : 1;
    add.run(c.sequence, c.commandId, asked, c.askedAt, c.by, c.road, jws, c.state.state, state, ready);
    return c;
  };
  /** What has not left before an activation is of an epoch that is over. What has left is answered: the Clearinghouse may have done it. */
  const overtake = (c: Command, at: number): void => {
    const reason = 'WRONG_EPOCH';
    const says = 'The license server was activated anew before this was asked: ask again.';
    const state: CommandState = { state: 'answered', at };
    const what: AnswerResult = { kind: 'not-taken', reason, says };
    answer.run(state.state, JSON.stringify(state), JSON.stringify(what), c.commandId);
  };
  /** What a person carries is of no use any more, or its answer would not be: nobody is to wait for it. */
  const closeHeld = (at: number): void => {
    for (const c of z.array(commandRow).parse(held.all())) {
      const says = epochChangeRejection(c.request);
      if (says === undefined) continue;
      const state: CommandState = { state: 'rejected', at, reason: 'WRONG_EPOCH', says };
      answer.run(state.state, JSON.stringify(state), null, c.commandId);
      forgetCode.run(c.commandId);
    }
  };
  const apply = (commandId: string, state: CommandState, what: AnswerResult | null): boolean => {
    const text = what && JSON.stringify(what);
    const at = 'at' in state ? state.at : 0;
    if (Number(answer.run(state.state, JSON.stringify(state), text, commandId).changes) !== 1) return false;
    forgetCode.run(commandId);
    if (what?.kind === 'activated') {
      activate.run(what.serverId, what.epoch, JSON.stringify(what.chain), what.epoch);
      for (const row of unprepared.all()) overtake(commandRow.parse(row), at);
      closeHeld(at);
    }
    if (what?.kind === 'deactivated') deactivate.run();
    for (const { keyPackId, keyPack } of packsIn(what)) keep.run(keyPackId, keyPack, at);
    return true;
  };

  return {
    get productId() {
      return readIdentity().product_id;
    },
    activation: () => {
      const { server_id: serverId, epoch, chain, deactivated } = readIdentity();
      return serverId === null || chain === null
        ? null
        : { serverId, epoch, chain, deactivated: deactivated === 1 };
    },
    witnesses: () => z.array(ledgerWitness).parse(witnesses.all(MAX_EVIDENCE)),
    recordWitness: (w, at) => {
      keepWitness.run(w.generation, w.sequence, w.hash, w.time, at);
    },
    activationRecorded: () => recorded.get() !== undefined,
    command: (commandId) => commandRow.optional().parse(byId.get(commandId)),
    newestCommands: (limit) => z.array(commandRow).parse(newest.all(limit)),
    openCommands: () => z.array(commandRow).parse(open.all()),
    unpreparedCommands: () => z.array(commandRow).parse(unprepared.all()),
    markPrepared: (commandId) => {
      prepared.run(commandId);
    },
    refuseCommand: (commandId, state) => {
      refuse.run(state.state, JSON.stringify(state), commandId);
    },
    answeredCommands: () =>
      answered.all().map((row) => ({
        command: commandRow.parse(row),
        answered: answeredText.parse(row['answered']),
      })),
    refusedPacks: () =>
      refusedPacks.all().flatMap((row) => {
        const pack = answeredText.parse(row['answered']);
        return pack.kind === 'key-pack' ? [{ command: commandRow.parse(row), pack }] : [];
      }),
    packReturns: () => z.array(commandRow).parse(givenBack.all()),
    addCommand: (make) => transact(db, () => take(make)),
    markSent: (commandId, at) => {
      sent.run(JSON.stringify({ state: 'sent', at } satisfies CommandState), commandId);
    },
    applyAnswer: (commandId, state, what, within = () => {}) =>
      transact(db, () => {
        const applied = apply(commandId, state, what);
        if (applied) within();
        return applied;
      }),
    settleCommand: (commandId, state) => {
      settle.run(state.state, JSON.stringify(state), commandId);
    },
    keyPacks: () =>
      z
        .array(z.object({ key_pack: z.string() }))
        .parse(packs.all())
        .map((r) => r.key_pack),
    contact: () => {
      const row = z.object({ contact: z.string() }).optional().parse(activator.get());
      return row ? contact.parse(json(row.contact)) : null;
    },
    keys: () => z.array(keyRow).parse(keys.all()),
    addKey: (k) => {
      addKey.run(k.kid, k.epoch, JSON.stringify(k.chain), k.madeAt, k.notBefore, k.notAfter, k.sealed);
    },
    pruneKeys: (listed, dropped) => {
      const worn = listed.filter((k) => k.sealed === null);
      if (worn.length + dropped.length === 0) return;
      transact(db, () => {
        for (const k of worn) forget.run(k.kid);
        for (const k of dropped) drop.run(k.kid);
      });
    },
  };
};
