// The commands of this license server in SQLite: the outbox, and the answers that inventory has not settled.

import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { transact } from '@calbus/runtime/sqlite';
import { needsPreparation, type Command, type CommandState } from '../domain/command.ts';
import type { Store } from '../ports.ts';
import { encryptCommand } from './command-encryption.ts';
import { answeredText, commandRowOf } from './stored-rows.ts';

type CommandQueries = Pick<
  Store,
  | 'command'
  | 'newestCommands'
  | 'openCommands'
  | 'unpreparedCommands'
  | 'answeredCommands'
  | 'refusedPacks'
  | 'packReturns'
>;

export const sqliteCommandQueries = (db: DatabaseSync, secret: string): CommandQueries => {
  const commandRow = commandRowOf(secret);
  const select = (rest: string) => db.prepare(`SELECT * FROM commands ${rest}`);
  const byId = select('WHERE command_id = ?');
  const newest = select('ORDER BY sequence DESC LIMIT ?');
  const open = select("WHERE stage IN ('waiting', 'held', 'sent') ORDER BY sequence");
  const unprepared = select("WHERE stage IN ('waiting', 'held') AND prepared = 0 ORDER BY sequence");
  const answered = select("WHERE stage = 'answered' ORDER BY sequence");
  const refusedPacks = select(
    "WHERE stage = 'rejected' AND json_extract(answered, '$.kind') = 'key-pack' ORDER BY sequence",
  );
  const packReturns = select("WHERE json_extract(request, '$.refused') = 1 ORDER BY sequence");
  return {
    command: (commandId) => commandRow.optional().parse(byId.get(commandId)),
    newestCommands: (limit) => z.array(commandRow).parse(newest.all(limit)),
    openCommands: () => z.array(commandRow).parse(open.all()),
    unpreparedCommands: () => z.array(commandRow).parse(unprepared.all()),
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
    packReturns: () => z.array(commandRow).parse(packReturns.all()),
  };
};

type CommandChanges = Pick<
  Store,
  'addCommand' | 'markPrepared' | 'markSent' | 'settleCommand' | 'refuseCommand'
>;

export const sqliteCommandChanges = (db: DatabaseSync, secret: string): CommandChanges => {
  const next = db.prepare('SELECT coalesce(max(sequence), 0) + 1 AS n FROM commands');
  const add = db.prepare(
    `INSERT INTO commands (sequence, command_id, request, asked_at, by, road, jws, stage, state, prepared)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const prepared = db.prepare('UPDATE commands SET prepared = 1 WHERE command_id = ?');
  const sent = db.prepare(
    "UPDATE commands SET stage = 'sent', state = ? WHERE command_id = ? AND stage = 'waiting'",
  );
  const settle = db.prepare(
    "UPDATE commands SET stage = ?, state = ? WHERE command_id = ? AND stage = 'answered'",
  );
  const refuse = db.prepare(
    "UPDATE commands SET stage = ?, state = ? WHERE command_id = ? AND stage IN ('waiting', 'held')",
  );
  const addCommand = (make: (sequence: number) => Command): Command => {
    const c = make(z.object({ n: z.int() }).parse(next.get()).n);
    const { request, jws } = encryptCommand(secret, c);
    const state = JSON.stringify(c.state);
    const isPrepared = needsPreparation(c.request) ? 0 : 1;
    add.run(c.sequence, c.commandId, request, c.askedAt, c.by, c.road, jws, c.state.state, state, isPrepared);
    return c;
  };
  return {
    addCommand: (make) => transact(db, () => addCommand(make)),
    markPrepared: (commandId) => {
      prepared.run(commandId);
    },
    markSent: (commandId, at) => {
      sent.run(JSON.stringify({ state: 'sent', at } satisfies CommandState), commandId);
    },
    settleCommand: (commandId, state) => {
      settle.run(state.state, JSON.stringify(state), commandId);
    },
    refuseCommand: (commandId, state) => {
      refuse.run(state.state, JSON.stringify(state), commandId);
    },
  };
};
